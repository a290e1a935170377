"""CRN-style camera-radar student, ResNet-101 at 512x1408, four key frames, without distillation.

The baseline of ``imkd_r101_512x1408``. Needs torchvision's ImageNet weights at data/weights/resnet101-63fe2227.pth.

Expected: no figure of this student that we could check; with IMKD see ``imkd_r101_512x1408``. Cost: 24 epochs of 1,758
steps at batch 16 (8 GPUs x 2). Not yet reproduced here.
"""

_base_ = ['./student_r50_256x704.py']

final_size = (512, 1408)
image_aug = dict(resize_lim=(0.772, 1.10))
batch_size = 2
student = dict(image_backbone=dict(depth=101, weights='data/weights/resnet101-63fe2227.pth'))
