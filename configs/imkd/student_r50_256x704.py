"""CRN-style camera-radar student, ResNet-50 at 256x704, four key frames, without distillation.

The baseline of ``imkd_r50_256x704``. Needs torchvision's ImageNet weights at data/weights/resnet50-0676ba61.pth.

Expected, nuScenes val: NDS 56.0 to 56.2, mAP 47.3 to 49.0 (CRN with ResNet-50: its repository and the table of IMKD's
README; ours adds the intensity gates), tolerance 1.0. Cost: 24 epochs of 1,758 steps at batch 16 (4 GPUs x 4).
Not yet reproduced here.
"""

_base_ = ['../_base_/rigs/nuscenes.py', '../_base_/datasets/nuscenes_camera_radar.py',
          '../_base_/models/camera_radar_crn.py', '../_base_/runtime/crn.py']

past_frames = (2, 4, 6)  # key frames come at 2 Hz: 1, 2 and 3 s ago
depth_stride = 16
model = '${student}'
