"""Attention alone, the control without the third input."""

_base_ = ['./yolov5m_cbi.py']

detector_m = dict(neck=dict(fusion='pan'))
