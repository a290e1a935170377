"""Localization distillation of depth over the demo's student on the simulated world.

  --cfg-options model.teachers.camera.checkpoint=work_dirs/demo/student/last.pth
"""

_base_ = ['../demo/sim_student.py', '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/methods/ld.py']

model = '${distiller}'
