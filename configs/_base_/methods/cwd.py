"""Channel-wise distillation (Shu et al., ICCV 2021): where each channel of the neck is strong.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``); A: a learned map of the student's channels to the
teacher's, softmax over the cells of a channel::

  trunk   weight tau^2 / (N C) sum KL( softmax_x(F_neck / tau) || softmax_x(A(trunk) / tau) )

Published: tau 1 and weight 10 per level of a detector's neck (mmrazor's COCO configs), tau 4 and weight 3 to 50 for
the logits of segmentation. LEFT OUT: nothing; here the neck has one level.
"""

_base_ = ['../distill/distiller.py']

cwd_weight = 10.0
kd_pairs = dict(
    trunk=dict(
        student='trunk_bev', teacher='lidar.neck_bev', connector=dict(type='Conv1x1'), loss=dict(type='CWD', tau=1.0),
        weight='${cwd_weight}'))
