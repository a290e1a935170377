"""F1, FitNets (Romero et al., ICLR 2015): the neck's maps, a level a pair (``neck_0`` at 1/8, then 1/16, 1/32)::

  neck_i   weight mean (A_i F_S - F_T / rms(F_T))^2      A_i: a 1x1 convolution to the teacher's channels

The teacher is divided by its root mean square over a picture, so that one weight suits all levels and teachers.
"""

_base_ = ['./uav.py']

hint_weight = 2.0
kd_pairs = dict(neck=dict(
    type='LayerMatch', student='${kd_levels}', teacher='${kd_sources}', connector='Conv1x1',
    loss=dict(type='MSE', normalise='rms'), weight=dict(type='Window', value='${hint_weight}', end='${kd_end}')))
