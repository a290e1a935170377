"""UniDistill over the demo's student on the simulated world.

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
"""

_base_ = ['../demo/sim_student.py', '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/methods/unidistill.py']

unidistill_weights = dict(feature=10.0, relation=4.0, response=1.0)  # a tenth: the published pull ten times the task
model = '${distiller}'
