"""The CPU track's student at 320 px under R1: responses where the teacher sees an object.

  --cfg-options model.teachers.uav.checkpoint=work_dirs/uav_cpu/teacher/last.pth
"""

_base_ = ['./yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_r1.py']

model = '${distiller}'
