"""CBi, variant 1: attention in front of the head."""

_base_ = ['./yolov5m_cbi.py']

detector_m = dict(backbone=dict(cbam_at=[]), neck=dict(cbam_at=['n3', 'n4', 'n5']))
