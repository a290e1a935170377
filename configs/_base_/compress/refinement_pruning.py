"""Pruning of a stereo matcher's refinement, and its retraining (Fast-FoundationStereo, Wen et al., CVPR 2026).

``L = sum_k 0.9^(K-k) |d_k - d| + 0.1 sum_l |x_l - X_l|^2``: X_l, the features of the unpruned matcher in the channels
that stayed, motion and states of every iteration; d, true disparity, or with ``prune_target='${prune_targets.teacher}'``
the unpruned matcher's last one, for pairs without truth. The rest of the matcher is frozen.
"""

prune_decay = 0.9
prune_targets = dict(
    truth=dict(
        student=dict(loss=dict(type='StereoSequenceLoss', gamma='${prune_decay}', adjusted=False, init_weight=0.0))),
    teacher=dict(
        student=dict(stop_after='disparity'),
        pairs=dict(disparity=dict(student='disparity', teacher='unpruned.disparity', loss='L1', decay='${prune_decay}'))))
prune_target = '${prune_targets.truth}'
prune = dict(
    type='TaylorPruning',
    groups=dict(type='RefinementGroups'),
    ratio=0.6,
    round_to=4,
    min_keep=8,
    batches=16,
    features=dict(loss=dict(type='MSE', channel='sum'), weight=0.1),
    retraining='${prune_target}')
