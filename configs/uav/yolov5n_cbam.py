"""Attention alone, the control without the third input."""

_base_ = ['./yolov5n_cbi.py']

detector_n = dict(neck=dict(fusion='pan'))
