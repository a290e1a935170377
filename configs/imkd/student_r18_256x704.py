"""The camera-radar student on nuScenes without distillation: the baseline of ``imkd_r18_256x704``."""

_base_ = ['../_base_/rigs/nuscenes.py', '../_base_/datasets/nuscenes_camera_radar.py',
          '../_base_/models/camera_radar_r18.py', '../_base_/runtime/default.py']

model = '${student}'
max_epochs = 24
learning_rate = 2e-4
optim_wrapper = dict(optimizer=dict(weight_decay=1e-4), clip_grad=dict(max_norm=5.0))
