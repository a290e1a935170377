"""``teacher_pillar`` fine-tuned in the ego frame, for students with ``bev_frame='ego'`` (CRN, BEVDepth, LabelDistill).

  tools/train.py configs/imkd/teacher_pillar_ego.py [--cfg-options load_from=FILE]
FILE is a checkpoint of the LiDAR frame; without the option, the one that ``teacher_pillar`` leaves.

Ground lies at z = 0 there instead of about -1.8 m, and x points forward instead of right: a teacher of one frame answers
nonsense in the other.
Source: LabelDistill (Kim et al., ECCV 2024) fine-tuned a voxel CenterPoint so; see ``teacher_voxel_ego`` for its
figures. For pillars nothing was published. Not yet reproduced here.
Cost: 20 epochs of 28,130 samples, as ``teacher_pillar``.
"""

_base_ = ['./teacher_pillar.py']

bev_frame = 'ego'
load_from = 'work_dirs/teacher_pillar/epoch_20.pth'
max_epochs = 20
learning_rate = 1e-4
optim_wrapper = dict(optimizer=dict(weight_decay=1e-2))
param_scheduler = [dict(type='MultiStepLR', milestones=[16, 19], gamma=0.1, by_epoch=True)]
