"""Sharpness-aware steps under Hinton's distillation over ``student_r50_256x704``; see ``sim_sam.py``.

Twice the compute of ``r50_hinton`` for the same number of steps; with 4 GPUs each perturbs by its own 4 samples.

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_voxel/epoch_20.pth
"""

_base_ = ['../imkd/student_r50_256x704.py', '../_base_/models/centerpoint_voxel.py', '../_base_/methods/hinton.py']

model = '${distiller}'
optim_wrapper = dict(type='SAMOptimWrapper', rho=0.05)
