"""D1 and R1 together: the neck by hints and an adversary (``uav_d1.py``), the head by responses (``uav_r1.py``)."""

_base_ = ['./uav_d1.py']

response_weight = 3.0
kd_pairs = dict(response=dict(
    student='head', teacher='uav.head', loss=dict(type='GatedResponse', box_weight=1.0),
    weight=dict(type='Window', value='${response_weight}', end='${kd_end}')))
