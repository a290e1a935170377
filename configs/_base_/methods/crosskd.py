"""CrossKD (Wang et al., CVPR 2024): the student's features pass the teacher's frozen head before they are compared.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). One pair::

  response   QFL(H_T(A(trunk)), sigmoid(H_T(neck))) + box_weight |boxes of the two|, per cell

H_T is the teacher's head, with frozen weights and running statistics, and gradient to its input; A takes the
student's channels to those of the neck. So the student's own head is left to the true boxes alone, whose aims differ
from the teacher's. Published (GFL): QFL with beta 1 and weight 1 for classes; for boxes KL of edge distributions (t 1,
weight 3) and GIoU (weight 2). Here the boxes of the two predictions are compared by L1 where the teacher is confident,
with CenterPoint's 0.25, and both count half: 0.47 of the detection loss of the tiny student on the simulated world
before training. LEFT OUT: edge distributions, which a CenterHead does not have. DIFFERENT: published students enter the
teacher's head after its third of four convolutions without a connector; a CenterHead's branches are two convolutions
deep, so ours enter at its beginning.
"""

_base_ = ['../distill/distiller.py']

crosskd_adaptor = dict(type='Conv1x1')
kd_pairs = dict(response=dict(
    student='trunk_bev', connector='${crosskd_adaptor}', through=dict(tap='lidar.neck_bev', function='lidar.head'),
    teacher='lidar.head', loss=dict(type='CenterHeadResponse', beta=1.0, box_weight=0.25), weight=0.5))
