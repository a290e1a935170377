"""The demo's student with radars alone: what the cameras add is the difference to sim_student."""

_base_ = ['./sim_student.py']

student = dict(image_backbone=None, image_neck=None, view_transform=None, depth_loss=None)
modality = dict(use_camera=False)
