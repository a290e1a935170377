"""F3, PKD (Cao et al., NeurIPS 2022): correlation of each channel of the neck over pictures and places::

  neck_i   weight / C sum_c (1 - r(A_i F_S,c, F_T,c))

Published weight 10 a level for one-stage detectors.
"""

_base_ = ['./uav.py']

pkd_weight = 4.0
kd_pairs = dict(neck=dict(
    type='LayerMatch', student='${kd_levels}', teacher='${kd_sources}', connector='Conv1x1',
    loss=dict(type='PKD'), weight=dict(type='Window', value='${pkd_weight}', end='${kd_end}')))
