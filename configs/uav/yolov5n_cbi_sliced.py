"""A trained CBi, size n, tested on tiles at full resolution; it predicts only, and takes the checkpoint of yolov5n_cbi.

For another detector change ``_base_`` and what ``detector`` names.
"""

_base_ = ['./yolov5n_cbi.py']

tile = 640  # px
tile_overlap = 0.2  # part of a tile, or px: twice the side of the largest target
batch_size = 1  # pictures; tiles are batched on their own
test_pipeline = [
    dict(type='LoadPicture'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True),
    dict(type='PackPicture'),
]
sliced = dict(type='SlicedDetector', detector='${detector_n}', tile='${tile}', overlap='${tile_overlap}')
model = '${sliced}'
