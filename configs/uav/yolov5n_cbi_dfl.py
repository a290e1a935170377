"""CBi with an anchor-free head whose box edges are distributions."""

_base_ = ['./yolov5n_cbi.py']

detector_n = dict(head='${distribution_head}')
