"""Tiles of large pictures, around drones and beside them, at full resolution; the rest is as for whole pictures.

Validation in training shows whole pictures, shrunk; test on tiles (``configs/uav/yolov5n_cbi_sliced.py``).
"""

_base_ = ['./uav.py']

tile_background = 0.5  # share of tiles without a drone

load_pipeline = [
    dict(type='LoadPicture'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True),
    dict(type='SliceCrop', size='${image_size}', background='${tile_background}'),
]
