"""First half of distillation at paper scale: the student's feature net learns the teacher's features, without truth.

  --cfg-options model.teachers.stereo.checkpoint=work_dirs/paper_teacher/epoch_10.pth

The teacher with its prior, which the paper distils:

  --cfg-options 'stereo_teacher.model=${teacher}' \\
      model.teachers.stereo.checkpoint=work_dirs/paper_teacher_mono/epoch_10.pth

The skeleton instead of the student of published widths: --cfg-options 'distiller.student=${skeleton}'
skeleton.stop_after=features
"""

_base_ = ['../_base_/datasets/stereo_sceneflow.py', '../_base_/models/stereo_paper.py',
          '../_base_/distill/stereo_features.py', '../_base_/runtime/stereo_paper.py']

model = '${distiller}'
student = dict(stop_after='features')
max_epochs = 5
val_dataloader = None  # its features alone match nothing yet
val_cfg = None
test_dataloader = None
test_cfg = None
