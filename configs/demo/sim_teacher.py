"""The LiDAR teacher of the demo."""

_base_ = ['../_base_/rigs/sim_tiny.py', '../_base_/datasets/nuscenes_lidar.py',
          '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/runtime/default.py']

model = '${teacher}'
max_epochs = 12
learning_rate = 4e-3
train_cfg = dict(val_begin=1000)  # scored after training, not during it
