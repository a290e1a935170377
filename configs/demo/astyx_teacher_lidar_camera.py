"""The LiDAR-camera teacher on real sensors (Astyx), for methods that need one (CRKD)."""

_base_ = ['../_base_/rigs/astyx.py', '../_base_/datasets/nuscenes_lidar_camera.py',
          '../_base_/models/lidar_camera_tiny.py', '../_base_/runtime/default.py']

model = '${lidar_camera_teacher}'
max_epochs = 20
learning_rate = 4e-3
train_cfg = dict(val_begin=1000)  # scored after training, not during it
