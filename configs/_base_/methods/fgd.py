"""Focal and global distillation (Yang et al., CVPR 2022): objects, background and context of the neck, apart.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``); A: a learned map of the student's channels to the
teacher's. One pair, whose loss holds, with all symbols as in ``FGD``'s own description::

  trunk   sum_x (alpha M + beta (1 - M)) S A sum_c A_c (F_neck - A(trunk))^2
          + gamma (|A^T - A^S| + |A_c^T - A_c^S|)  +  lambda |R_T(F_neck) - R_S(A(trunk))|^2        per sample

Published for one-stage detectors: alpha 1e-3, beta 5e-4, gamma 1e-3, lambda 5e-6, temperature 0.5, all kept. The last
two terms are sums over cells and channels: the weights that suit them fall with the size of the map. LEFT OUT:
nothing; boxes are footprints seen from above, and here the neck has one level.
"""

_base_ = ['../distill/distiller.py']

fgd_weight = 1.0
kd_pairs = dict(
    trunk=dict(
        student='trunk_bev', teacher='lidar.neck_bev', connector=dict(type='Conv1x1'), loss=dict(type='FGD'),
        weight='${fgd_weight}'))
