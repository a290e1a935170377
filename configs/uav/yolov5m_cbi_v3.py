"""CBi, variant 3: attention behind the backbone's last three stages and in front of the head."""

_base_ = ['./yolov5m_cbi.py']

detector_m = dict(neck=dict(cbam_at=['n3', 'n4', 'n5']))
