"""The student in size n under R1: responses of the teacher in size m where it sees an object.

  --cfg-options model.teachers.uav.checkpoint=TEACHER.pth
"""

_base_ = ['../yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_r1.py']

model = '${distiller}'
