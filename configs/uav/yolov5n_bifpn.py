"""The third input alone, the control without attention."""

_base_ = ['./yolov5n_cbi.py']

detector_n = dict(backbone=dict(cbam_at=[]))
