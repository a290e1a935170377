"""CBi, variant 1: attention in front of the head."""

_base_ = ['./yolov5n_cbi.py']

detector_n = dict(backbone=dict(cbam_at=[]), neck=dict(cbam_at=['n3', 'n4', 'n5']))
