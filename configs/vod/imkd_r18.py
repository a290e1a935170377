"""``student_r18`` on View-of-Delft, distilled from its LiDAR teacher by IMKD's LiDAR terms.

The teacher's checkpoint is given on the command line:
  --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_pillar/epoch_20.pth
"""

_base_ = ['./student_r18.py', '../_base_/models/centerpoint_pillar.py', '../_base_/distill/imkd.py']

model = '${distiller}'
imkd_warmup = 320  # iterations: an epoch at batch 16
