"""The camera-radar student of the demo, without distillation."""

_base_ = ['../_base_/rigs/sim_tiny.py', '../_base_/datasets/nuscenes_camera_radar.py',
          '../_base_/models/camera_radar_tiny.py', '../_base_/runtime/default.py']

model = '${student}'
max_epochs = 8
learning_rate = 4e-3
train_cfg = dict(val_begin=1000)  # scored after training, not during it
