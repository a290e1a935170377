"""YOLOv5 as it is: the control without attention and without the third input."""

_base_ = ['./yolov5s_cbi.py']

detector_s = dict(backbone=dict(cbam_at=[]), neck=dict(fusion='pan'))
