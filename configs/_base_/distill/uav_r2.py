"""R2: softened objectness and classes (Hinton et al., 2015, with a sigmoid for each)::

  response   t^2 sum_A [ KL(p(o_T / t) | p(o_S / t)) + p(o_T) KL(p(c_T / t) | p(c_S / t)) ] / sum_A p(o_T)

Without boxes. Of one class there is no c.
"""

_base_ = ['./uav.py']

response_weight = 0.5
response_temperature = 2.0
kd_pairs = dict(response=dict(
    student='head', teacher='uav.head',
    loss=dict(type='GatedResponse', temperature='${response_temperature}', box_weight=0.0),
    weight=dict(type='Window', value='${response_weight}', end='${kd_end}')))
