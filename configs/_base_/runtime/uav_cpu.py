"""Trainings of minutes on a core or two, with ``datasets/uav_cpu.py``. Add ``--amp bf16`` on a CPU with AMX."""

_base_ = ['./uav.py']

max_epochs = 12
warmup_epochs = 1
learning_rate = 0.01  # at a batch of 16

val_interval = '${max_epochs}'
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(
    checkpoint=dict(interval=1),
    ema=dict(limit=0.995, gamma=100.0))
