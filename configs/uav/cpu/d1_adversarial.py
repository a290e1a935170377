"""The CPU track's student at 320 px under D1: hints and an adversary on the teacher's neck.

  --cfg-options model.teachers.uav.checkpoint=work_dirs/uav_cpu/teacher/last.pth
"""

_base_ = ['./yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_d1.py']

adversary_begin = 3
model = '${distiller}'
