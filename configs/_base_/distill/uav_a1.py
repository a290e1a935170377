"""A1, attention transfer (Zagoruyko and Komodakis, ICLR 2017): where the neck is strong, a level a pair::

  neck_i   weight mean_x (q_S - q_T)^2      q: mean of the squares over channels, divided by its length over places

Widths need not match. The mean falls with the number of places, so the weights that suit the levels differ:
``at_weight`` is for 1/8 at 640 px, a quarter of it for 1/16, and so on, which gives each level about the same say.
``at_mask='${at_masks.boxes}'`` looks at true boxes, their surroundings and, a tenth as much, the rest.
"""

_base_ = ['./uav.py']

at_weight = 1.5e3
at_shares = dict(n3=1.0, n4=0.25, n5=0.0625)
at_masks = dict(all=None, boxes=dict(type='ImageBoxes', grow=3.0, outside=0.1))
at_mask = '${at_masks.all}'
at_schedule = dict(type='Window', value='${at_weight}', end='${kd_end}')
kd_pairs = dict(
    neck_n3=dict(student='neck_n3', teacher='uav.neck_n3', mask='${at_mask}', loss=dict(type='AT'),
                 weight=dict(type='Scaled', value='${at_shares.n3}', schedule='${at_schedule}')),
    neck_n4=dict(student='neck_n4', teacher='uav.neck_n4', mask='${at_mask}', loss=dict(type='AT'),
                 weight=dict(type='Scaled', value='${at_shares.n4}', schedule='${at_schedule}')),
    neck_n5=dict(student='neck_n5', teacher='uav.neck_n5', mask='${at_mask}', loss=dict(type='AT'),
                 weight=dict(type='Scaled', value='${at_shares.n5}', schedule='${at_schedule}')))
