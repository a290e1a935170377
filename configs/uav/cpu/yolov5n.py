"""YOLOv5n as it is at 320 px: the CPU track's control without attention and without the third input."""

_base_ = ['./yolov5n_cbi.py']

detector_n = dict(backbone=dict(cbam_at=[]), neck=dict(fusion='pan'))
