"""The full-size student's parts at the size of a laptop (frustum radar, gated attention, three key frames) on the
simulated world, without distillation."""

_base_ = ['../_base_/rigs/sim_tiny.py', '../_base_/datasets/nuscenes_camera_radar.py',
          '../_base_/models/camera_radar_crn_tiny.py', '../_base_/runtime/default.py']

past_frames = (1, 2)  # key frames come at 2 Hz: half a second and a second ago
model = '${student}'
max_epochs = 8
learning_rate = 4e-3
train_cfg = dict(val_begin=1000)  # scored after training, not during it
