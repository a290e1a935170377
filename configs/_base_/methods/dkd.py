"""Decoupled knowledge distillation (Zhao et al., CVPR 2022) of the class maps at the centres of true boxes.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). One pair, mean over true boxes; p is the softmax
over all classes of the cell, y the true class, b = (p_y, 1 - p_y), p^ the other classes renormalised::

  response   t^2 [alpha KL(b_T || b_S) + beta KL(p^_T || p^_S)]

Published: alpha 1; beta 8, t 4 (CIFAR, ResNet-32x4 to 8x4) or beta 0.5, t 1 (ImageNet, taken here), weight 1, and a
warm-up of 20 epochs on CIFAR. The classifier's softmax is put over a CenterHead's independent classes. On the tiny
student of the simulated world the term is 0.26 of the detection loss before training and 0.22 for a trained one. LEFT
OUT: the warm-up; boxes are no part of the method. Pairs that need boxes leave out frames without annotations;
``kd_pairs.response.loss.target=teacher`` takes the teacher's best class in every cell instead and needs none.
"""

_base_ = ['../distill/distiller.py']

kd_pairs = dict(response=dict(
    student='head', teacher='lidar.head', loss=dict(type='DKD', alpha=1.0, beta=0.5, temperature=1.0), weight=1.0))
