"""Schedule of the full-size students: CRN's (Kim et al., ICCV 2023), for batches of 16 in all.

24 epochs of AdamW, the rate divided by 10 after 19 and 23; the student's moving average is what is scored and
deployed. With other batches than 4 GPUs x 4 samples pass ``--auto-scale-lr``.
"""

_base_ = ['./default.py']

max_epochs = 24
learning_rate = 2e-4
optim_wrapper = dict(optimizer=dict(weight_decay=1e-4), clip_grad=dict(max_norm=5.0))
param_scheduler = [dict(type='MultiStepLR', milestones=[19, 23], gamma=0.1, by_epoch=True)]
