"""The student in size n under F1, FitNets: the neck of the teacher in size m.

  --cfg-options model.teachers.uav.checkpoint=TEACHER.pth
"""

_base_ = ['../yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_f1.py']

model = '${distiller}'
