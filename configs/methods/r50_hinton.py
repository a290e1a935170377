"""Hinton's distillation of class maps over ``student_r50_256x704``, taught by a voxel CenterPoint.

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_voxel/epoch_20.pth
"""

_base_ = ['../imkd/student_r50_256x704.py', '../_base_/models/centerpoint_voxel.py', '../_base_/methods/hinton.py']

model = '${distiller}'
