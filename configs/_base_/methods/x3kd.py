"""X3KD (Klingner et al., CVPR 2023) as pairs: a LiDAR CenterPoint teaches the fused BEV map and the head.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). With a learned map ``A`` of the student's channels to
the teacher's, of each pair its own, and ``D`` a discriminator::

  feature     X-FD  mean over all cells and channels of |A(M) - F_L|
  adversary   X-AT  [BCE(D(sg A(M)), student) + BCE(D(F_L), teacher)] / 2  -  BCE(D_frozen(A(M)), student)
  output      X-OD  QFL with the teacher's probabilities above 0.3 as soft targets (others 0), and L1 of the boxes there

**Weights are ours**: the publication's were not available to us. They are set so that each term is about 5 to 20 % of the
sum of all losses of the tiny student on the simulated world (measured over its first epoch, see the logged shares); the
adversary's value is a game's, about zero, so its weight is that of its gradient. Its discriminator learns with the
student's optimiser. The teacher's map is divided by its RMS, so that weights mean the same for every teacher.

LEFT OUT: X-IS, instance segmentation of the perspective features with pseudo-labels of a 2-D teacher: it needs such a
teacher and a head that this student does not have.
"""

_base_ = ['../distill/distiller.py']

x3kd_threshold = 0.3
kd_pairs = dict(
    feature=dict(
        student='fused_bev', teacher='lidar.bev_s8', connector=dict(type='Conv1x1'),
        loss=dict(type='L1', normalise='rms'), weight=1.0),
    adversary=dict(
        student='fused_bev', teacher='lidar.bev_s8', connector=dict(type='Conv1x1'),
        loss=dict(type='Adversarial', game='reversal'), weight=0.1),
    output=dict(
        student='head', teacher='lidar.head',
        loss=dict(type='ConfidentResponse', target_threshold='${x3kd_threshold}', count_threshold='${x3kd_threshold}',
                  box_threshold='${x3kd_threshold}', box_weight=1.0, distance='l1'),
        weight=1.0))
