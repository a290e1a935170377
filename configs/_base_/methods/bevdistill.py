"""BEVDistill (Chen et al., ICLR 2023) as pairs: a LiDAR detector teaches the map that the head reads.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). The terms, with the weights of the released code::

  dense      0.01  sum_x G(x) |A(S) - T|^2 / sum G                          A: 1x1 convolution
  contrast   0.2   mean_i -log softmax_j(<g(T_i), f(S_j)> / 0.07)[i]        f, g: learnt projections to unit vectors

``S`` is the map that the student's head reads, ``T`` the one that the teacher's head reads; squares are summed over
channels; ``G``: the largest Gaussian of all true boxes (overlap 0.1, radius of one cell or more). ``T_i``, ``S_j``:
the maps at the centres of true boxes i and j, all boxes of a batch against each other.

Differences from the publication: its student and teacher decode by queries, and its contrast is between the decoder's
sampling points; here, on a head without queries, between the true centres. Its maps have as many channels as each
other (no A). Its released mask is right for a batch of one only; here it is each sample's own. The dense weight is
for a sum over 256 channels.

LEFT OUT: the sparse query terms (score-weighted L1 to the teacher's boxes, matched by the Hungarian method, weight
0.25): they need the set-predicting decoder of a DETR, which this student does not have.
"""

_base_ = ['../distill/distiller.py']

bevdistill_weights = dict(dense=0.01, contrast=0.2)
kd_pairs = dict(
    dense=dict(
        student='trunk_bev', teacher='lidar.neck_bev', connector=dict(type='Conv1x1'),
        mask=dict(type='GaussianMask', mode='max', overlap=0.1, min_radius=1),
        loss=dict(type='MSE', channel='sum'), weight='${bevdistill_weights.dense}'),
    contrast=dict(
        student='trunk_bev', teacher='lidar.neck_bev', loss=dict(type='InfoNCE', width=128, temperature=0.07),
        weight='${bevdistill_weights.contrast}'))
