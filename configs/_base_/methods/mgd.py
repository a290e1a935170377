"""Masked generative distillation (Yang et al., ECCV 2022): a student with gaps must generate the teacher's neck.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``); A: a learned map of the student's channels to the
teacher's, M: 0 at each cell with probability 0.65, G: 3x3 convolution, ReLU, 3x3 convolution of the loss::

  trunk   alpha / N sum_n sum_x | F_neck - G(A(trunk) * M) |^2

Published: alpha 2e-5 and 0.65 for one-stage detectors (5e-7 and 0.45 for two-stage ones). A sum over channels and
cells: the weight that suits it falls with the size of the map. LEFT OUT: nothing; here the neck has one level.
"""

_base_ = ['../distill/distiller.py']

mgd_weight = 2e-5
kd_pairs = dict(
    trunk=dict(
        student='trunk_bev', teacher='lidar.neck_bev', connector=dict(type='Conv1x1'), loss=dict(type='MGD', drop=0.65),
        weight='${mgd_weight}'))
