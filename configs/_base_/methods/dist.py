"""DIST (Huang et al., NeurIPS 2022): correlations between classes of a cell, and between cells of a class.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``); P: sigmoids of the heat maps' logits, r:
Pearson's::

  heat   1 - mean over cells of r(P_S, P_T across classes)  +  1 - mean over classes of r(P_S, P_T across cells)

Published for classifiers with softmax over their classes, both weights 1 (2 on ImageNet), tau 1; a detector's classes
do not exclude each other. LEFT OUT: the terms of its detection experiments, which are between classification scores
of anchors; a cell of a heat map is the anchor here.
"""

_base_ = ['../distill/distiller.py']

dist_weight = 1.0
kd_pairs = dict(
    heat=dict(
        student='head', teacher='lidar.head', loss=dict(type='DIST', probabilities='sigmoid'), weight='${dist_weight}'))
