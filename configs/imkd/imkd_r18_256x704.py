"""The camera-radar student on nuScenes, distilled from a pillar CenterPoint by IMKD's LiDAR terms.

The teacher's checkpoint is given on the command line:
  --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_pillar/epoch_20.pth
"""

_base_ = ['./student_r18_256x704.py', '../_base_/models/centerpoint_pillar.py', '../_base_/distill/imkd.py']

imkd_warmup = 1758  # about one epoch of 28,130 samples in batches of 16
model = '${distiller}'
