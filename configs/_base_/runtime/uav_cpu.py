"""Trainings of minutes on a core or two, with ``datasets/uav_cpu.py``. Add ``--amp bf16`` on a CPU with AVX-512 BF16.

AdamW: in the first few hundred steps it learns several times as fast as ``uav.py``'s SGD, which needs its 300 epochs.
"""

_base_ = ['./default.py']

max_epochs = 8
learning_rate = 4e-3  # at a batch of 16
warmup_iterations = 80
val_interval = '${max_epochs}'  # scored after training, not during it
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end='${warmup_iterations}', by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0, begin=0, end='${max_epochs}', by_epoch=True,
         convert_to_iter_based=True)]
optim_wrapper = dict(optimizer=dict(weight_decay=0.05), clip_grad=dict(max_norm=10.0))
default_hooks = dict(checkpoint=dict(interval=1), ema=dict(limit=0.995, gamma=100.0))
