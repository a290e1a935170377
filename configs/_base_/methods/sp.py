"""Similarity-preserving distillation (Tung and Mori, ICCV 2019): which instances are alike.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``); S, T: instances x channels, u: rows of length 1::

  samples   gamma / b^2 | u(S S^T) - u(T T^T) |^2      b maps, flattened, of a batch
  objects   gamma / n^2 | u(S S^T) - u(T T^T) |^2      n features at the true box centres of a batch, at most 64

Published: ``samples`` at the last map, gamma 3000 with batches of 64 and more. A detector's batch of two to four has
hardly a relation: ``objects`` is ours and takes the boxes for instances. No connectors. LEFT OUT: nothing;
``kd_pairs.objects=None`` leaves the publication.
"""

_base_ = ['../distill/distiller.py']

sp_weight = 3000.0
kd_pairs = dict(
    samples=dict(student='trunk_bev', teacher='lidar.neck_bev', loss=dict(type='SP'), weight='${sp_weight}'),
    objects=dict(
        student='trunk_bev', teacher='lidar.neck_bev', loss=dict(type='SP', instances='boxes'), weight='${sp_weight}'))
