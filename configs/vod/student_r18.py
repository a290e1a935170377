"""The camera-radar student (CRN's, ResNet-18) on View-of-Delft: one camera, five radar scans, without distillation.

Four frames: now, and 1, 2 and 3 s ago. Needs torchvision's ImageNet weights at data/weights/resnet18-f37072fd.pth.
Not trained on View-of-Delft here; nothing is published for this model and metric.
"""

_base_ = ['../_base_/rigs/vod.py', '../_base_/datasets/nuscenes_camera_radar.py',
          '../_base_/models/camera_radar_crn.py', '../_base_/runtime/crn.py']

past_frames = (10, 20, 30)  # key frames come at 10 Hz
depth_stride = 16
student = dict(
    image_backbone=dict(depth=18, weights='data/weights/resnet18-f37072fd.pth'),
    image_neck=dict(in_channels=[64, 128, 256, 512], out_channels=[64] * 4),
    radar_encoder=dict(layers=(2, 3, 3), up_channels=64),
    view_transform=dict(depth_net=dict(in_channels=256)),
    trunk=dict(base_channels=128),
    head=dict(suppression=dict(square_radius=[4, 0.175, 0.85])))
model = '${student}'
