"""The camera-radar student (CRN's, ResNet-18) on TJ4DRadSet: one camera, one radar scan, without distillation.

Needs torchvision's ImageNet weights at data/weights/resnet18-f37072fd.pth.
Not trained on TJ4DRadSet here; nothing is published for this model and metric.
"""

_base_ = ['../_base_/rigs/tj4d.py', '../_base_/datasets/nuscenes_camera_radar.py',
          '../_base_/models/camera_radar_crn.py', '../_base_/runtime/crn.py']

depth_stride = 16
student = dict(
    image_backbone=dict(depth=18, weights='data/weights/resnet18-f37072fd.pth'),
    image_neck=dict(in_channels=[64, 128, 256, 512], out_channels=[64] * 4),
    radar_encoder=dict(layers=(2, 3, 3), up_channels=64),
    view_transform=dict(depth_net=dict(in_channels=256)),
    temporal=None,  # every frame is a scene
    trunk=dict(base_channels=128),
    head=dict(suppression=dict(square_radius=[4, 0.175, 0.85, 12])))
model = '${student}'
