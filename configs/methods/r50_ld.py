"""Localization distillation of depth over ``student_r50_256x704``.

  --cfg-options model.teachers.camera.checkpoint=work_dirs/student_r50_256x704/epoch_24.pth
"""

_base_ = ['../imkd/student_r50_256x704.py', '../_base_/models/centerpoint_voxel.py', '../_base_/methods/ld.py']

model = '${distiller}'
