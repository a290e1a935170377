"""AdaSPEC moved to dense heads over ``student_r50_256x704``, taught by a voxel CenterPoint.

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_voxel/epoch_20.pth \
      model.teachers.reference.checkpoint=work_dirs/student_r50_256x704/epoch_24.pth
"""

_base_ = ['../imkd/student_r50_256x704.py', '../_base_/models/centerpoint_voxel.py', '../_base_/methods/adaspec.py']

model = '${distiller}'
