"""CBi, variant 2: attention behind the backbone's last stage only."""

_base_ = ['./yolov5m_cbi.py']

detector_m = dict(backbone=dict(cbam_at=['bb5']))
