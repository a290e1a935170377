"""F4, masked generation (Yang et al., ECCV 2022): the neck's maps from the student's with places struck out::

  neck_i   weight / N sum_x |F_T - G_i(M (A_i F_S))|^2      G_i: 3x3 convolution, ReLU, 3x3 convolution

M drops a place with probability 0.65. Published weight 2e-5. A sum over places and channels: the weight is for 640 px, and
G has much to learn first, so that the term is large and the student's part of its gradient small at the beginning.
"""

_base_ = ['./uav.py']

mgd_weight = 2.5e-6
kd_pairs = dict(neck=dict(
    type='LayerMatch', student='${kd_levels}', teacher='${kd_sources}', connector='Conv1x1',
    loss=dict(type='MGD', drop=0.65), weight=dict(type='Window', value='${mgd_weight}', end='${kd_end}')))
