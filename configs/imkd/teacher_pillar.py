"""A CenterPoint with 0.4 m pillars on nuScenes, the LiDAR teacher of ``imkd_r18_256x704``: quick to train and to run.

Expected on nuScenes val: nothing is published for 0.4 m pillars with this backbone; OpenMMLab's 0.2 m pillars
(``teacher_pillar02``) have 48.70 mAP, 59.62 NDS with class-balanced sampling and pasted objects, which are not used here.
Cost: 20 epochs of 28,130 samples. Not yet trained on nuScenes here.
"""

_base_ = ['../_base_/rigs/nuscenes.py', '../_base_/datasets/nuscenes_lidar.py',
          '../_base_/models/centerpoint_pillar.py', '../_base_/runtime/default.py']

model = '${teacher}'
max_epochs = 20
