"""The camera-radar student of the demo, distilled from its LiDAR teacher by IMKD's LiDAR terms.

The teacher's checkpoint is given on the command line:
  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
"""

_base_ = ['../_base_/rigs/sim_tiny.py', '../_base_/datasets/nuscenes_camera_radar.py',
          '../_base_/models/camera_radar_tiny.py', '../_base_/models/centerpoint_pillar_tiny.py',
          '../_base_/distill/imkd.py', '../_base_/runtime/default.py']

model = '${distiller}'
max_epochs = 8
learning_rate = 4e-3
train_cfg = dict(val_begin=1000)  # scored after training, not during it
