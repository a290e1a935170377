"""CBi, variant 4: BiFPN's weighted sums in the neck."""

_base_ = ['./yolov5n_cbi.py']

detector_n = dict(neck=dict(fusion='weighted_add'))
