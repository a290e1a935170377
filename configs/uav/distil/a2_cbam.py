"""The student in size n under A2: the CBAM maps of the teacher in size m.

  --cfg-options model.teachers.uav.checkpoint=TEACHER.pth
"""

_base_ = ['../yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_a2.py']

model = '${distiller}'
