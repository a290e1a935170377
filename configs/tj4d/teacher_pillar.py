"""A CenterPoint with 0.4 m pillars on TJ4DRadSet; needs the release with LiDAR (``TJ4DRadSet_LiDAR``).

Not trained on TJ4DRadSet here; nothing is published for this model and metric.
"""

_base_ = ['../_base_/rigs/tj4d.py', '../_base_/datasets/nuscenes_lidar.py', '../_base_/models/centerpoint_pillar.py',
          '../_base_/runtime/default.py']

model = '${teacher}'
max_epochs = 20
