"""The student in size n under F2, channel-wise distillation from the teacher in size m.

  --cfg-options model.teachers.uav.checkpoint=TEACHER.pth
"""

_base_ = ['../yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_f2.py']

model = '${distiller}'
