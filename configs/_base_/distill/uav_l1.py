"""L1, localization distillation (LD, Zheng et al., CVPR 2022): the distributions of the box edges of two DFL heads::

  edges   weight t^2 sum_A g mean_e KL(softmax(e_T / t) | softmax(e_S / t)) / sum_A g      g: largest class probability

For students and teachers with a distribution head alone (``*_dfl.py``). Published: t 10; its weight 0.25 stands before
a mean over 17 bins. ``kd_pairs.response='${scores}'`` compares classes and boxes, too.
"""

_base_ = ['./uav.py']

ld_weight = 30.0
ld_temperature = 10.0
kd_pairs = dict(edges=dict(
    student='head', teacher='uav.head', loss=dict(type='EdgeDistributions', temperature='${ld_temperature}'),
    weight=dict(type='Window', value='${ld_weight}', end='${kd_end}')))
scores = dict(student='head', teacher='uav.head', loss=dict(type='GatedResponse', box_weight=0.0), weight=1.0)
