"""The third input alone, the control without attention."""

_base_ = ['./yolov5s_cbi.py']

detector_s = dict(backbone=dict(cbam_at=[]))
