"""The third input alone, the control without attention."""

_base_ = ['./yolov5m_cbi.py']

detector_m = dict(backbone=dict(cbam_at=[]))
