"""F4, masked generation (Yang et al., ECCV 2022): the neck's maps from the student's with places struck out::

  neck_i   weight / N sum_x |F_T - G_i(M (A_i F_S))|^2      G_i: 3x3 convolution, ReLU, 3x3 convolution

M drops a place with probability 0.65. Published weight 2e-5 for pictures of about 1333x800 px, whose sums are larger.
"""

_base_ = ['./uav.py']

mgd_weight = 2e-5
kd_pairs = dict(neck=dict(
    type='LayerMatch', student='${kd_levels}', teacher='${kd_sources}', connector='Conv1x1',
    loss=dict(type='MGD', drop=0.65), weight=dict(type='Window', value='${mgd_weight}', end='${kd_end}')))
