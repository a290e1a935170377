"""What every distillation method has: a student, teachers and pairs. Use it with ``model = '${distiller}'``.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). A method (``../methods``) sets ``kd_pairs``, and
``kd_teachers`` where it needs others than the LiDAR teacher. Checkpoints are given on the command line::

  --cfg-options model.teachers.lidar.checkpoint=LIDAR.pth
"""

_base_ = ['./teacher_check.py']

lidar_teacher = dict(
    type='FrozenTeacher', model='${teacher}', adapter=dict(type='CenterPointAdapter'), checkpoint=None)
kd_teachers = dict(lidar='${lidar_teacher}')
kd_pairs = dict()
distiller = dict(type='Distiller', student='${student}', teachers='${kd_teachers}', pairs='${kd_pairs}')
custom_hooks = [dict(type='KDLogHook'), '${lidar_check}']
