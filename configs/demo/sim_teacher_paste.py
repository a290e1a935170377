"""The LiDAR teacher of the demo, trained with pasted objects and class-balanced sampling.

  python tools/create_data.py gt-database --root data/sim --infos data/sim/nuscenes_infos_sim_train.pkl --gt-sweeps 1
  tools/train.py configs/demo/sim_teacher_paste.py

Figures of a simulated world are no figures of nuScenes: none are expected, and no demo uses it.
"""

_base_ = ['../_base_/rigs/sim_tiny.py', '../_base_/datasets/nuscenes_lidar_paste.py',
          '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/runtime/default.py']

model = '${teacher}'
max_epochs = 12
learning_rate = 4e-3
train_cfg = dict(val_begin=1000)  # scored after training, not during it
train_dataloader = dict(dataset=dict(
    _delete_=True, type='CBGSDataset', dataset={{_base_.train_dataloader.dataset}}))
