"""Attention alone, the control without the third input."""

_base_ = ['./yolov5s_cbi.py']

detector_s = dict(neck=dict(fusion='pan'))
