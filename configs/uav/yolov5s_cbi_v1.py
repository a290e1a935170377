"""CBi, variant 1: attention in front of the head."""

_base_ = ['./yolov5s_cbi.py']

detector_s = dict(backbone=dict(cbam_at=[]), neck=dict(cbam_at=['n3', 'n4', 'n5']))
