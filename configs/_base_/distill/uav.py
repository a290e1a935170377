"""A drone detector learns from a larger one. Use it with ``model = '${distiller}'``.

Needs ``detector_n`` and ``detector_m`` (``../models/uav*.py``): the student, size n, and the teacher, size m. Both are
the main model and predict at the same anchors. A technique (``uav_*.py`` beside this file) sets ``kd_pairs``; the
teacher's checkpoint is given on the command line::

  --cfg-options model.teachers.uav.checkpoint=TEACHER.pth

Every pair counts from the first epoch; ``kd_end=-20`` ends it 20 epochs before the run does, as RTMDet's recipe has it
(distillation on mosaics, the last epochs on the truth alone). Weights are ours, see ``docs/uav.md``.
"""

kd_end = None  # epoch from which on pairs count no more; negative: counted from the end; None: never
kd_levels = ['neck_n3', 'neck_n4', 'neck_n5']
kd_sources = ['uav.neck_n3', 'uav.neck_n4', 'uav.neck_n5']
uav_student = '${detector_n}'
uav_teacher = dict(type='FrozenTeacher', model='${detector_m}', checkpoint=None, dtype='amp')
kd_teachers = dict(uav='${uav_teacher}')
kd_pairs = dict()
distiller = dict(type='Distiller', student='${uav_student}', teachers='${kd_teachers}', pairs='${kd_pairs}')
custom_hooks = [dict(type='KDLogHook')]
