"""The CPU track's student at 320 px under F3: the teacher's neck, by Pearson's correlation.

  --cfg-options model.teachers.uav.checkpoint=work_dirs/uav_cpu/teacher/last.pth
"""

_base_ = ['./yolov5n_cbi.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_f3.py']

model = '${distiller}'
