"""A pillar CenterPoint on nuScenes, the LiDAR teacher of ``imkd_r18_256x704``."""

_base_ = ['../_base_/rigs/nuscenes.py', '../_base_/datasets/nuscenes_lidar.py',
          '../_base_/models/centerpoint_pillar.py', '../_base_/runtime/default.py']

model = '${teacher}'
max_epochs = 20
