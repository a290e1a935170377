"""The student in size n under F3, Pearson distillation from the teacher in size m.

  --cfg-options model.teachers.uav.checkpoint=TEACHER.pth
"""

_base_ = ['../yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_f3.py']

model = '${distiller}'
