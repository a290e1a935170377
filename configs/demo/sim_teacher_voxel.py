"""A voxel teacher on the simulated world, small enough for two CPU cores.

Figures of a simulated world are no figures of nuScenes: none are expected, and no demo uses it yet. Cost: about
a second a step of two samples on one core.
"""

_base_ = ['../_base_/rigs/sim_tiny.py', '../_base_/datasets/nuscenes_lidar.py',
          '../_base_/models/centerpoint_voxel_tiny.py', '../_base_/runtime/default.py']

model = '${teacher}'
max_epochs = 12
learning_rate = 4e-3
train_cfg = dict(val_begin=1000)  # scored after training, not during it
