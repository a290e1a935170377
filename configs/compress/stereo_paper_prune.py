"""Pruning of the skeleton's refinement at paper scale by 0.6 (0.8: their faster model), and its retraining.

  python tools/prune.py configs/compress/stereo_paper_prune.py work_dirs/paper_skeleton/epoch_10.pth --out work_dirs/pruned
  python tools/train.py work_dirs/pruned/retrain.py --work-dir work_dirs/retrained --amp bf16
  python tools/test.py work_dirs/pruned/pruned.py work_dirs/retrained/epoch_2.pth

End-to-end training then goes on from there: ``work_dirs/pruned/pruned.py`` with ``load_from`` and ``learning_rate=1e-5``.
The teacher's refinement of three levels: ``--cfg-options 'model=${teacher_alone}'``.
"""

_base_ = ['../_base_/datasets/stereo_sceneflow.py', '../_base_/models/stereo_paper.py',
          '../_base_/compress/refinement_pruning.py', '../_base_/evaluators/stereo.py',
          '../_base_/runtime/stereo_paper.py']

model = '${skeleton}'
max_epochs = 2
