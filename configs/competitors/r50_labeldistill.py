"""LabelDistill over the student of ``student_r50_256x704``, taught by a voxel CenterPoint and the labels.

Not yet run at this size.
  --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_voxel/epoch_20.pth \
      model.teachers.label.checkpoint=work_dirs/label_encoder_voxel/epoch_12.pth
"""

_base_ = ['../imkd/student_r50_256x704.py', '../_base_/models/centerpoint_voxel.py',
          '../_base_/models/label_encoder.py', '../_base_/methods/labeldistill.py']

model = '${distiller}'
