"""Attention transfer (Zagoruyko and Komodakis, ICLR 2017): where the maps are strong, at two depths.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``); ``q``: the mean over channels of the squares,
divided by its length over the cells of a sample::

  merged   beta/2 mean_x (q(M) - q(F_L))^2
  trunk    beta/2 mean_x (q(trunk) - q(neck))^2

Published beta: 1e3 (CIFAR), over the number of cells and samples, which is this mean; the authors' code leaves out the
half. The term falls as the number of cells grows (the sum of the squares is at most 2 a sample): on larger maps beta
has to grow with it. Channels need not match, there are no connectors. LEFT OUT: attention by gradients.
"""

_base_ = ['../distill/distiller.py']

at_weight = 500.0  # beta / 2
kd_pairs = dict(
    merged=dict(student='merged_bev', teacher='lidar.bev_s8', loss=dict(type='AT'), weight='${at_weight}'),
    trunk=dict(student='trunk_bev', teacher='lidar.neck_bev', loss=dict(type='AT'), weight='${at_weight}'))
