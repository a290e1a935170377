"""Pruning of the small student's refinement, and the retraining that follows.

  python tools/prune.py configs/compress/stereo_small_prune.py work_dirs/small_tune/epoch_4.pth --out work_dirs/pruned
  python tools/train.py work_dirs/pruned/retrain.py --work-dir work_dirs/retrained
  python tools/test.py work_dirs/pruned/pruned.py work_dirs/retrained/epoch_2.pth

End-to-end fine-tuning then trains ``work_dirs/pruned/pruned.py`` with ``load_from=work_dirs/retrained/epoch_2.pth``.
The small teacher's refinement: ``--cfg-options 'model=${teacher_alone}'``; with its prior: ``'model=${teacher}'``.
"""

_base_ = ['../_base_/datasets/stereo.py', '../_base_/models/stereo_small_teacher.py',
          '../_base_/models/stereo_small_student.py', '../_base_/compress/refinement_pruning.py',
          '../_base_/evaluators/stereo.py', '../_base_/runtime/stereo_small.py']

model = '${student}'
prune = dict(min_keep=4)  # its groups have 8 to 32 channels
max_epochs = 2
learning_rate = 1e-3
