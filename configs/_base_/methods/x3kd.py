"""X3KD (Klingner et al., CVPR 2023) as pairs: a LiDAR CenterPoint teaches the fused BEV map and the head.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). With the fused map ``M``, the teacher's map ``F``
divided by its RMS, and a discriminator ``D``::

  feature     X-FD  2    mean over all cells and channels of |M - F|
  adversary   X-AT  0.1  [BCE(D(sg M), student) + BCE(D(F), teacher)] / 2  -  BCE(D_frozen(M), student)
  output      X-OD  1    QFL with the teacher's probabilities above 0.3 as soft targets (others 0), and L1 of the boxes there

**Weights are ours**: the publication's were not available to us. On the tiny student in the simulated world the
gradients at its taps are about 6, 4 and 10 % of all (``grad_share`` of the logs; the adversary's swings). The
adversary's value is a game's and near 0, so its ``share`` says nothing: read its gradient. The discriminator learns
with the student's optimiser.

As published, both feature terms look at the student's own map: teacher and student of this folder are equally wide. For
other widths ``x3kd_connector='${x3kd_connectors.conv1x1}'``; an adversary has more sway over its connector than over the
student (on the tiny student, a connector of its own left no gradient to the student after an epoch).

LEFT OUT: X-IS, instance segmentation of the perspective features with pseudo-labels of a 2-D teacher: it needs such a
teacher and a head that this student does not have.
"""

_base_ = ['../distill/distiller.py']

x3kd_threshold = 0.3
x3kd_connectors = dict(none=None, conv1x1=dict(type='Conv1x1'))
x3kd_connector = '${x3kd_connectors.none}'
kd_pairs = dict(
    feature=dict(
        student='fused_bev', teacher='lidar.bev_s8', connector='${x3kd_connector}',
        loss=dict(type='L1', normalise='rms'), weight=2.0),
    adversary=dict(
        student='fused_bev', teacher='lidar.bev_s8', connector='${x3kd_connector}',
        loss=dict(type='Adversarial', game='reversal'), weight=0.1),
    output=dict(
        student='head', teacher='lidar.head',
        loss=dict(type='ConfidentResponse', target_threshold='${x3kd_threshold}', count_threshold='${x3kd_threshold}',
                  box_threshold='${x3kd_threshold}', box_weight=1.0, distance='l1'),
        weight=1.0))
