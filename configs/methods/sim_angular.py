"""Distillation from a teacher and its views over the demo's student on the simulated world.

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
"""

_base_ = ['../demo/sim_student.py', '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/methods/angular.py']

angular_warmup = 40  # about a ninth of the run
model = '${distiller}'
