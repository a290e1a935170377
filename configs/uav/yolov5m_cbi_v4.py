"""CBi, variant 4: BiFPN's weighted sums in the neck."""

_base_ = ['./yolov5m_cbi.py']

detector_m = dict(neck=dict(fusion='weighted_add'))
