"""F2, channel-wise distillation (Shu et al., ICCV 2021): where each channel of the neck is strong, a level a pair::

  neck_i   weight t^2 / C sum_c KL( softmax_x(F_T,c / t) | softmax_x(A_i F_S,c / t) )

Published for detectors: t 1 and weight 10 a level (mmrazor).
"""

_base_ = ['./uav.py']

cwd_weight = 1.5
kd_pairs = dict(neck=dict(
    type='LayerMatch', student='${kd_levels}', teacher='${kd_sources}', connector='Conv1x1',
    loss=dict(type='CWD', tau=1.0), weight=dict(type='Window', value='${cwd_weight}', end='${kd_end}')))
