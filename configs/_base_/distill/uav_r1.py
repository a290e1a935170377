"""R1: the teacher's responses where it sees an object (after Mehta and Ozturk, ECCVW 2018).

With the logits o, c and boxes b of all anchors A of all levels, and p = sigmoid::

  response   sum_A [ BCE(o_S, p(o_T)) + p(o_T) BCE(c_S, p(c_T)) + box_weight p(o_T) (1 - CIoU(b_S, b_T)) ] / sum_A p(o_T)

less the entropy of the teacher's own probabilities, a constant. Of one class there is no c: it is learnt from nothing.
"""

_base_ = ['./uav.py']

response_weight = 3.0
response_boxes = 1.0
response = dict(type='GatedResponse', box_weight='${response_boxes}')
kd_pairs = dict(response=dict(
    student='head', teacher='uav.head', loss='${response}',
    weight=dict(type='Window', value='${response_weight}', end='${kd_end}')))
