"""CBi, size n, trained on tiles of large pictures at full resolution; test it on tiles with yolov5n_cbi_sliced.py."""

_base_ = ['../_base_/datasets/uav_tiles.py', '../_base_/models/uav.py', '../_base_/models/uav_n.py',
          '../_base_/evaluators/uav.py', '../_base_/runtime/uav.py']

model = '${detector_n}'
