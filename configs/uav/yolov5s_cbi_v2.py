"""CBi, variant 2: attention behind the backbone's last stage only."""

_base_ = ['./yolov5s_cbi.py']

detector_s = dict(backbone=dict(cbam_at=['bb5']))
