"""YOLOv5's schedule: SGD for batches of 64 in all, scaled to the batch that there is; 300 epochs.

Biases warm up from ten times the learning rate, weights from 0 and the momentum from 0.8; then a straight line to 1 %.
"""

_base_ = ['./default.py']

max_epochs = 300
warmup_epochs = 3
learning_rate = 0.01  # at a batch of 64 over all processes, what the loss is scaled for; 0.02 at 128
momentum = 0.937
val_interval = 10

auto_scale_lr = dict(enable=True, base_batch_size=64)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='BiasMarkingConstructor',
    optimizer=dict(type='SGD', lr='${learning_rate}', momentum='${momentum}', nesterov=True, weight_decay=5e-4),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
    clip_grad=dict(max_norm=10.0))
param_scheduler = [
    dict(type='WarmUpLinear', start=0.0, bias_start=10.0, final=0.01, warmup_epochs='${warmup_epochs}',
         end='${max_epochs}', by_epoch=True, convert_to_iter_based=True),
    dict(type='WarmUpLinear', param_name='momentum', start=0.8 / 0.937, final=1.0, warmup_epochs='${warmup_epochs}',
         end='${max_epochs}', by_epoch=True, convert_to_iter_based=True)]
default_hooks = dict(
    checkpoint=dict(interval=10),
    ema=dict(limit=0.9999, gamma=2000.0))
