"""CBi with a fourth level of stride 4, for targets of a few px."""

_base_ = ['./yolov5n_cbi.py']

anchors = '${anchors_p2}'
detector_n = dict(backbone=dict(levels=[2, 3, 4, 5]), neck=dict(p2=True))
