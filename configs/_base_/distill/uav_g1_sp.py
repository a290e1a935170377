"""G1, similarity-preserving distillation (Tung and Mori, ICCV 2019): which pictures of a batch resemble which::

  neck_i   weight / n^2 | u(S S^T) - u(T T^T) |_F^2      S: the pictures' maps, averaged over places

Published weight 3000, on maps of classifiers. ``relation_instances='boxes'`` compares the places of true boxes
instead: pictures of one sky resemble each other.
"""

_base_ = ['./uav.py']

sp_weight = 30.0
relation_instances = 'pooled'
kd_pairs = dict(neck=dict(
    type='LayerMatch', student='${kd_levels}', teacher='${kd_sources}', connector=None,
    loss=dict(type='SP', instances='${relation_instances}'),
    weight=dict(type='Window', value='${sp_weight}', end='${kd_end}')))
