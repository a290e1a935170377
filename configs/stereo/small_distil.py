"""First half of distillation: the small student's feature net learns the teacher's features; no truth is read.

  --cfg-options model.teachers.stereo.checkpoint=work_dirs/small_teacher/epoch_5.pth
"""

_base_ = ['../_base_/datasets/stereo.py', '../_base_/models/stereo_small_teacher.py',
          '../_base_/models/stereo_small_student.py', '../_base_/distill/stereo_features.py',
          '../_base_/runtime/stereo_small.py']

model = '${distiller}'
student = dict(stop_after='features')
max_epochs = 2
val_dataloader = None  # its features alone match nothing yet
val_cfg = None
test_dataloader = None
test_cfg = None
