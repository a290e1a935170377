"""Pearson distillation (Cao et al., NeurIPS 2022): the pattern of each channel, whatever its size and offset.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``); A: a learned map of the student's channels to the
teacher's, r: correlation over samples and cells::

  trunk   weight mean_c (1 - r(A(trunk)_c, F_neck,c))

Published weight: 6 for two-stage and 10 for one-stage detectors, per level of the neck, without a connector, for
channels were the same. LEFT OUT: nothing; here the neck has one level.
"""

_base_ = ['../distill/distiller.py']

pkd_weight = 10.0
kd_pairs = dict(
    trunk=dict(
        student='trunk_bev', teacher='lidar.neck_bev', connector=dict(type='Conv1x1'), loss=dict(type='PKD'),
        weight='${pkd_weight}'))
