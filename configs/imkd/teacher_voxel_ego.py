"""``teacher_voxel`` fine-tuned in the ego frame, for students with ``bev_frame='ego'`` (CRN, BEVDepth, LabelDistill).

  tools/train.py configs/imkd/teacher_voxel_ego.py --cfg-options load_from=FILE
FILE is a checkpoint of the LiDAR frame, such as OpenMMLab's public one (see ``teacher_voxel``).

Source: LabelDistill (Kim et al., ECCV 2024), release: from that checkpoint (56.11 mAP, 64.61 NDS in the LiDAR frame),
20 epochs, AdamW 1e-4, weight decay 1e-2, rate divided by 10 after 16 and 19, moving average.
Expected on nuScenes val: 58.4 mAP, 65.2 NDS; tolerance 1.0. Not yet reproduced here.
Cost: 20 epochs of 28,130 samples, as ``teacher_voxel``.
"""

_base_ = ['./teacher_voxel.py']

bev_frame = 'ego'
load_from = 'work_dirs/teacher_voxel/epoch_20.pth'
max_epochs = 20
learning_rate = 1e-4
optim_wrapper = dict(optimizer=dict(weight_decay=1e-2))
param_scheduler = [dict(type='MultiStepLR', milestones=[16, 19], gamma=0.1, by_epoch=True)]
