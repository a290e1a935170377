"""The student in size n under G1: distances and angles of pictures as the teacher in size m has them.

  --cfg-options model.teachers.uav.checkpoint=TEACHER.pth
"""

_base_ = ['../yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_g1_rkd.py']

model = '${distiller}'
