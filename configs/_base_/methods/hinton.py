"""Knowledge distillation (Hinton et al., 2015) of the class maps: the teacher's head teaches the student's.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). One pair, mean over all cells of the batch::

  response   t^2 sum over classes of KL(sigmoid(z_T / t) || sigmoid(z_S / t))

A CenterHead's classes are independent, so the divergence is that of independent classes;
``hinton_form='${hinton_forms.softmax}'`` takes one softmax over all classes of a cell, as for classifiers. Published:
t = 4 (CIFAR) or 1 to 2 (ImageNet), weight 1 beside the cross entropy of one label a picture. Most cells are empty, so
the mean over cells is small: t and the weight are ours, 0.37 of the detection loss of the tiny student on the simulated
world before training and 0.23 for a trained one. LEFT OUT: nothing; boxes are no part of the method.
"""

_base_ = ['../distill/distiller.py']

hinton_forms = dict(
    sigmoid=dict(type='HintonKD', activation='sigmoid', temperature=2.0),
    softmax=dict(type='HintonKD', activation='softmax', temperature=2.0))
hinton_form = '${hinton_forms.sigmoid}'
kd_pairs = dict(response=dict(student='head', teacher='lidar.head', loss='${hinton_form}', weight=0.5))
