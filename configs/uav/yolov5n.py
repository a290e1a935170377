"""YOLOv5 as it is: the control without attention and without the third input."""

_base_ = ['./yolov5n_cbi.py']

detector_n = dict(backbone=dict(cbam_at=[]), neck=dict(fusion='pan'))
