"""X3KD over the student of ``student_r50_256x704``, taught by a voxel CenterPoint. Not yet run at this size.

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_voxel/epoch_20.pth
"""

_base_ = ['../imkd/student_r50_256x704.py', '../_base_/models/centerpoint_voxel.py', '../_base_/methods/x3kd.py']

model = '${distiller}'
