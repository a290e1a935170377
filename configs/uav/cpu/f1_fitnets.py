"""The CPU track's student at 320 px under F1, FitNets: the teacher's neck.

  --cfg-options model.teachers.uav.checkpoint=work_dirs/uav_cpu/teacher/last.pth
"""

_base_ = ['./yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_f1.py']

model = '${distiller}'
