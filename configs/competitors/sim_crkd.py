"""CRKD over the demo's student on the simulated world.

  --cfg-options model.teachers.lidar_camera.checkpoint=work_dirs/sim_teacher_lidar_camera/epoch_20.pth
"""

_base_ = ['../demo/sim_student.py', '../_base_/models/centerpoint_pillar_tiny.py',
          '../_base_/models/lidar_camera_tiny.py', '../_base_/methods/crkd.py']

crkd_task_weights = None  # one task
model = '${distiller}'
