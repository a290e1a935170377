"""G1, relational distillation (Park et al., CVPR 2019): distances and angles between the pictures of a batch::

  distance_i   weight mean_ij  smoothL1( |s_i - s_j| / mu_S - |t_i - t_j| / mu_T )
  angle_i      2 weight mean_ijk smoothL1( cos(ijk of S) - cos(ijk of T) )

of the neck's maps averaged over places. Published weights 25 and 50. ``relation_instances='boxes'``: of the places of
true boxes instead.
"""

_base_ = ['./uav.py']

rkd_weight = 1.5
relation_instances = 'pooled'
rkd_schedule = dict(type='Window', value='${rkd_weight}', end='${kd_end}')
kd_pairs = dict(
    distance=dict(
        type='LayerMatch', student='${kd_levels}', teacher='${kd_sources}', connector=None,
        loss=dict(type='RKDDistance', instances='${relation_instances}'), weight='${rkd_schedule}'),
    angle=dict(
        type='LayerMatch', student='${kd_levels}', teacher='${kd_sources}', connector=None,
        loss=dict(type='RKDAngle', instances='${relation_instances}', max_instances=32),
        weight=dict(type='Scaled', value=2.0, schedule='${rkd_schedule}')))
