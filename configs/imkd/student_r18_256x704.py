"""CRN-style camera-radar student, ResNet-18 at 256x704, four key frames, without distillation.

The baseline of ``imkd_r18_256x704``; neck, radar branch and trunk are narrower too, as in CRN's own. Needs
torchvision's ImageNet weights at data/weights/resnet18-f37072fd.pth.

Expected, nuScenes val: NDS 54.2, mAP 44.9 (CRN with ResNet-18, its repository; ours adds the intensity gates),
tolerance 1.0. Cost: 24 epochs of 1,758 steps at batch 16 (4 GPUs x 4). Not yet reproduced here.
"""

_base_ = ['./student_r50_256x704.py']

student = dict(
    image_backbone=dict(depth=18, weights='data/weights/resnet18-f37072fd.pth'),
    image_neck=dict(in_channels=[64, 128, 256, 512], out_channels=[64] * 4),
    radar_encoder=dict(layers=(2, 3, 3), up_channels=64),
    view_transform=dict(depth_net=dict(in_channels=256)),
    trunk=dict(base_channels=128))
