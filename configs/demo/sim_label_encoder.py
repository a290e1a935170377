"""The demo's label encoder: boxes into maps that neck and head of the demo's LiDAR teacher decode.

The teacher's checkpoint is given on the command line:
  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
"""

_base_ = ['../_base_/rigs/sim_tiny.py', '../_base_/datasets/nuscenes_labels.py',
          '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/models/label_encoder_tiny.py',
          '../_base_/runtime/default.py']

model = '${label_trainer}'
max_epochs = 12
learning_rate = 4e-3
train_cfg = dict(val_begin=1000)  # scored after training, not during it
