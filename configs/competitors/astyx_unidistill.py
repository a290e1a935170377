"""UniDistill over the student on real sensors (Astyx).

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo_real/teacher_lidar_radar/last.pth
"""

_base_ = ['../demo/astyx_student.py', '../_base_/models/lidar_radar_tiny.py', '../_base_/methods/unidistill.py']

unidistill_weights = dict(feature=10.0, relation=4.0, response=1.0)  # a tenth: the published pull ten times the task
model = '${distiller}'
