"""A monocular net of 0.3 M parameters, and the frozen prior that a small matcher reads."""

mono_net = dict(
    type='SmallMonoNet',
    backbone=dict(type='MobileBackbone', channels=(24, 32, 48, 64), depths=(1, 2, 3, 3)),
    width=32,
    tap_channels=32)
mono_checkpoint = 'work_dirs/small_mono/epoch_8.pth'  # of configs/stereo/small_mono.py
mono_prior = dict(type='FrozenPrior', net='${mono_net}', checkpoint='${mono_checkpoint}')
