"""CBi, the main model: attention behind the backbone's last three stages, and a third input in the neck."""

_base_ = ['../_base_/datasets/uav.py', '../_base_/models/uav.py', '../_base_/models/uav_m.py',
          '../_base_/evaluators/uav.py', '../_base_/runtime/uav.py']

model = '${detector_m}'
