"""The student in size n under D1: hints and an adversary on the neck, teacher in size m.

  --cfg-options model.teachers.uav.checkpoint=TEACHER.pth
"""

_base_ = ['../yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_d1.py']

model = '${distiller}'
