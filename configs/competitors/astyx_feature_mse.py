"""Plain feature imitation over the student on real sensors (Astyx).

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo_real/teacher_lidar_radar/last.pth
"""

_base_ = ['../demo/astyx_student.py', '../_base_/models/lidar_radar_tiny.py', '../_base_/methods/feature_mse.py']

model = '${distiller}'
