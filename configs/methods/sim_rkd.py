"""Relational distillation over the demo's student on the simulated world.

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
"""

_base_ = ['../demo/sim_student.py', '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/methods/rkd.py']

rkd_weights = dict(distance=5.0, angle=10.0)  # a fifth of the published ones: the tiny head has one task
model = '${distiller}'
