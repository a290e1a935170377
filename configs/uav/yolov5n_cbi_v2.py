"""CBi, variant 2: attention behind the backbone's last stage only."""

_base_ = ['./yolov5n_cbi.py']

detector_n = dict(backbone=dict(cbam_at=['bb5']))
