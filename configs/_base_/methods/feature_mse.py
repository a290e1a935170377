"""Plain feature imitation: the merged BEV map, mapped to the teacher's channels, should equal the LiDAR teacher's.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``)::

  features   1.0 mean over channels and all cells of (A(M) - F_L)^2      A: 1x1 convolution

The baseline that distillation papers compare with; no publication's weight. LEFT OUT: nothing.
"""

_base_ = ['../distill/distiller.py']

kd_pairs = dict(
    features=dict(
        student='merged_bev', teacher='lidar.bev_s8', connector=dict(type='Conv1x1'), loss=dict(type='MSE'),
        weight=1.0))
