"""CBi with an anchor-free head whose box edges are distributions."""

_base_ = ['./yolov5s_cbi.py']

detector_s = dict(head='${distribution_head}')
