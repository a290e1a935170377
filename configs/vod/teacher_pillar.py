"""A CenterPoint with 0.4 m pillars on View-of-Delft, the LiDAR teacher of ``imkd_r18``.

Not trained on View-of-Delft here; nothing is published for this model and metric.
"""

_base_ = ['../_base_/rigs/vod.py', '../_base_/datasets/nuscenes_lidar.py', '../_base_/models/centerpoint_pillar.py',
          '../_base_/runtime/default.py']

model = '${teacher}'
max_epochs = 20
