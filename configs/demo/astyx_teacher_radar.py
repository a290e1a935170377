"""A teacher on real sensors (Astyx) that sees LiDAR and radar points."""

_base_ = ['../_base_/rigs/astyx.py', '../_base_/datasets/nuscenes_lidar.py',
          '../_base_/models/lidar_radar_tiny.py', '../_base_/runtime/default.py']

model = '${teacher}'
max_epochs = 16
learning_rate = 4e-3
modality = dict(use_radar=True)
train_cfg = dict(val_begin=1000)  # scored after training, not during it
