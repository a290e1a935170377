"""DIST (Huang et al., NeurIPS 2022): correlations between classes of a cell, and between cells of a class.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``); P: sigmoids of the heat maps' logits, r: Pearson's,
means weighted by the Gaussians around true boxes::

  heat   1 - mean over cells of r(P_S, P_T across classes)  +  1 - mean over classes of r(P_S, P_T across cells)

Published for classifiers with softmax over their classes, both weights 1 (2 on ImageNet), tau 1. Of a detector the
classes do not exclude each other, and what correlates between the classes of an empty cell is noise: hence sigmoids and
the mask, which are ours. LEFT OUT: the terms between scores of anchors; a cell of a heat map is the anchor here.
"""

_base_ = ['../distill/distiller.py']

dist_weight = 1.0
kd_pairs = dict(
    heat=dict(
        student='head', teacher='lidar.head', mask=dict(type='GaussianMask'),
        loss=dict(type='DIST', activation='sigmoid'), weight='${dist_weight}'))
