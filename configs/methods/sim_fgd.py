"""Focal and global distillation over the demo's student on the simulated world.

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
"""

_base_ = ['../demo/sim_student.py', '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/methods/fgd.py']

fgd_weight = 0.05  # the published constants at weight 1 are five times the detection loss of one task
model = '${distiller}'
