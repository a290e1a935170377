"""The label encoder on real sensors (Astyx), through the teacher that sees LiDAR and radar.

The teacher's checkpoint is given on the command line:
  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo_real/teacher_lidar_radar/last.pth
"""

_base_ = ['../_base_/rigs/astyx.py', '../_base_/datasets/nuscenes_labels.py',
          '../_base_/models/lidar_radar_tiny.py', '../_base_/models/label_encoder_tiny.py',
          '../_base_/runtime/default.py']

model = '${label_trainer}'
max_epochs = 12
learning_rate = 4e-3
train_cfg = dict(val_begin=1000)  # scored after training, not during it
