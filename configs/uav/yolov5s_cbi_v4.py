"""CBi, variant 4: BiFPN's weighted sums in the neck."""

_base_ = ['./yolov5s_cbi.py']

detector_s = dict(neck=dict(fusion='weighted_add'))
