"""Schedule of the label encoder, LabelDistill's (Kim et al., ECCV 2024): 12 epochs of AdamW, moving average."""

_base_ = ['./default.py']

max_epochs = 12
learning_rate = 1e-3
optim_wrapper = dict(optimizer=dict(weight_decay=1e-7))
param_scheduler = [dict(type='MultiStepLR', milestones=[10, 11], gamma=0.1, by_epoch=True)]
custom_hooks = ['${lidar_check}']
