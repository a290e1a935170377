"""The LiDAR-camera teacher of CRKD on nuScenes, on the grid of ``student_r50_256x704``.

Needs torchvision's ImageNet weights at data/weights/resnet50-0676ba61.pth.

Schedule as CRKD's teacher (Zhao et al., CVPR 2024): 20 epochs of AdamW at 1e-4 with a cosine. Expected: nothing is
published for 0.2 m pillars on this grid; a LiDAR-camera detector should exceed ``teacher_voxel``. Cost: 20 epochs of
28,130 samples. Not yet trained on nuScenes here.
"""

_base_ = ['../_base_/rigs/nuscenes.py', '../_base_/datasets/nuscenes_lidar_camera.py',
          '../_base_/models/lidar_camera.py', '../_base_/runtime/default.py']

depth_stride = 16
model = '${lidar_camera_teacher}'
max_epochs = 20
learning_rate = 1e-4
