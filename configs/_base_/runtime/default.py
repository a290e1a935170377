"""Runner, optimiser, schedule and logs shared by all trainings."""

default_scope = 'perception_kd'
max_epochs = 20
warmup_epochs = 1
learning_rate = 1e-3
val_interval = '${max_epochs}'

train_cfg = dict(by_epoch=True, max_epochs='${max_epochs}', val_interval='${val_interval}')
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr='${learning_rate}', weight_decay=0.01),
    clip_grad=dict(max_norm=10.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end='${warmup_epochs}', by_epoch=True,
         convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', eta_min=0, begin='${warmup_epochs}', end='${max_epochs}', by_epoch=True,
         convert_to_iter_based=True)]

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='SafeCheckpointHook', interval=1, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    ema=dict(type='StudentEMAHook'))  # None: the last weights are what is tested and deployed
visualizer = dict(
    type='RunVisualizer',  # visualizer.vis_backends.wandb.type=GroupedWandb logs to Weights & Biases, too
    vis_backends=dict(local=dict(type='LocalVisBackend'), tensorboard=dict(type='GroupedTensorboard')))
env_cfg = dict(cudnn_benchmark=False, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
               dist_cfg=dict(backend='nccl'))
log_processor = dict(window_size=20)
log_level = 'INFO'
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=16)  # batch that learning_rate is for, see --auto-scale-lr
max_quarantined = 0  # samples that may be left out because their loss or gradient is not finite; 0: the first stops
