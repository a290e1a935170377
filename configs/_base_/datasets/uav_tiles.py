"""Tiles of large pictures, around drones and beside them, at full resolution; the rest is as for whole pictures.

Tested are whole pictures still: ``tools/infer.py`` cuts into tiles what is larger than the network reads.
"""

_base_ = ['./uav.py']

tile_background = 0.5  # share of tiles without a drone

load_pipeline = [
    dict(type='LoadPicture'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True),
    dict(type='SliceCrop', size='${image_size}', background='${tile_background}'),
]
