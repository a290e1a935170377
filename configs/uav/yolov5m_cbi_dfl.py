"""CBi with an anchor-free head whose box edges are distributions."""

_base_ = ['./yolov5m_cbi.py']

detector_m = dict(head='${distribution_head}')
