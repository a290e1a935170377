"""F5, focal and global distillation (Yang et al., CVPR 2022): objects, background and context of the neck, apart.

One pair a level; the formula stands at ``FGD``. Boxes are the true ones in the picture; a drone that is smaller than a
cell has that cell. Constants as published for one-stage detectors, there at weight 1: alpha 1e-3, beta 5e-4, gamma 1e-3,
lambda 5e-6, temperature 0.5.
"""

_base_ = ['./uav.py']

fgd_weight = 0.1
kd_pairs = dict(neck=dict(
    type='LayerMatch', student='${kd_levels}', teacher='${kd_sources}', connector='Conv1x1',
    loss=dict(type='FGD'), weight=dict(type='Window', value='${fgd_weight}', end='${kd_end}')))
