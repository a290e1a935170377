"""Pruning of the demo's camera-radar student: picture branch, BEV trunk and head; then it is trained on.

  python tools/prune.py configs/compress/sim_bev_prune.py data/students/sim.pth --out work_dirs/bev_pruned
  python tools/train.py work_dirs/bev_pruned/pruned.py --work-dir work_dirs/bev_tuned
  python tools/test.py work_dirs/bev_pruned/pruned.py work_dirs/bev_tuned/epoch_4.pth

Any config of the same student takes the slimmed one, as here a distillation::

  python tools/train.py configs/demo/sim_imkd.py --work-dir work_dirs/bev_distilled --cfg-options \\
      student.slimmed=work_dirs/bev_pruned/pruned.json load_from=work_dirs/bev_pruned/pruned.pth \\
      model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
"""

_base_ = ['../demo/sim_student.py', '../_base_/compress/traced_pruning.py']

prune = dict(parts=[['image_backbone', 'image_neck', 'view_transform.depth_net'], ['trunk', 'head']])
max_epochs = 4
learning_rate = 2e-3
