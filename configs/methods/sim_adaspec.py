"""AdaSPEC moved to dense heads over the demo's student on the simulated world.

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth \
      model.teachers.reference.checkpoint=work_dirs/demo/student/last.pth
"""

_base_ = ['../demo/sim_student.py', '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/methods/adaspec.py']

model = '${distiller}'
