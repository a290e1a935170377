"""CRKD over the student on real sensors (Astyx).

  --cfg-options model.teachers.lidar_camera.checkpoint=work_dirs/astyx_teacher_lidar_camera/epoch_20.pth
"""

_base_ = ['../demo/astyx_student.py', '../_base_/models/lidar_radar_tiny.py',
          '../_base_/models/lidar_camera_tiny.py', '../_base_/methods/crkd.py']

crkd_task_weights = None  # one task
model = '${distiller}'
