"""Relational distillation (Park et al., CVPR 2019): distances and angles between the features of objects.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). Instances are the features at the true box centres
of a batch, at most 64; mu: mean of the distances, of each side its own::

  distance   25 mean_ij  smoothL1( |s_i - s_j| / mu_S - |t_i - t_j| / mu_T )
  angle      50 mean_ijk smoothL1( cos(s_j - s_i, s_k - s_i) - cos(t_j - t_i, t_k - t_i) )

Published weights: 25 and 50 (metric learning: 1 and 2), between the embeddings of a batch's samples; a detector's
batch of two to four has none to speak of, hence boxes (``rkd_instances='samples'`` or ``'pooled'`` is the
publication). No connectors. LEFT OUT: nothing.
"""

_base_ = ['../distill/distiller.py']

rkd_instances = 'boxes'
rkd_weights = dict(distance=25.0, angle=50.0)
kd_pairs = dict(
    distance=dict(
        student='trunk_bev', teacher='lidar.neck_bev', loss=dict(type='RKDDistance', instances='${rkd_instances}'),
        weight='${rkd_weights.distance}'),
    angle=dict(
        student='trunk_bev', teacher='lidar.neck_bev', loss=dict(type='RKDAngle', instances='${rkd_instances}'),
        weight='${rkd_weights.angle}'))
