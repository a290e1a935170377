"""Trainings of minutes on two cores. Epochs are of about a thousand pairs; add ``--amp bf16`` on a CPU with AMX."""

_base_ = ['./default.py']

max_epochs = 4
learning_rate = 2e-3
warmup_iterations = 100
train_cfg = dict(val_begin=1000)  # scored after training, not during it
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end='${warmup_iterations}', by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0, begin=0, end='${max_epochs}', by_epoch=True,
         convert_to_iter_based=True)]
optim_wrapper = dict(optimizer=dict(weight_decay=1e-5), clip_grad=dict(max_norm=1.0))
default_hooks = dict(ema=dict(limit=0.995, gamma=100.0))
