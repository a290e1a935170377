"""Drone pictures with boxes, in COCO's video form: what ``tools/simulate.py uav`` and the converters write.

YOLOv5's augmentation with what small targets need: boxes are never dropped for their size, targets are pasted on
background, the mosaic ends before training does. Birds and aircraft stay as pictures without boxes.
"""

data_root = 'data/uav'
train_ann, val_ann, test_ann = 'annotations/train.json', 'annotations/val.json', 'annotations/test.json'
layout = 'coco'  # yolo: a folder of images and labels
classes = ('drone',)
image_size = 640  # side of the square that the network reads, px; a multiple of 32
batch_size, num_workers, persistent_workers = 16, 4, True
mosaic_prob = 1.0
close_mosaic = 20  # last epochs, without mosaic
affine_scale = (0.5, 1.5)  # the least is raised where a target would come out below 1 px
paste_prob = 0.3
multi_scale = 0.25  # part by which the size of a batch changes; 0: not

load_pipeline = [dict(type='LoadPicture'), dict(type='mmdet.LoadAnnotations', with_bbox=True)]
train_pipeline = [
    dict(type='CopyPasteTargets', prob='${paste_prob}'),
    dict(
        type='BeforeLastEpochs', last='${close_mosaic}', max_epochs='${max_epochs}', prob='${mosaic_prob}',
        transforms=[
            dict(type='Mosaic', size='${image_size}'),
            dict(type='TinySafeAffine', size='${image_size}', scale='${affine_scale}', attempts=1)],
        otherwise=[
            dict(type='LetterBox', size='${image_size}'),
            dict(type='TinySafeAffine', size='${image_size}', scale='${affine_scale}')]),
    dict(type='HSVJitter'),
    dict(type='mmdet.RandomFlip', prob=0.5),
    dict(type='LightDegradation'),
    dict(type='PackPicture', draw=True),
]
test_pipeline = [
    dict(type='LoadPicture'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True),
    dict(type='LetterBox', size='${image_size}'),
    dict(type='PackPicture'),
]

loader = dict(batch_size='${batch_size}', num_workers='${num_workers}', persistent_workers='${persistent_workers}')
dataset = dict(
    type='UAVDataset',
    data_root='${data_root}',
    layout='${layout}',
    data_prefix=dict(img=''),
    classes='${classes}',
    filter_cfg=dict(filter_empty_gt=False))
train_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='perception_kd.MultiScaleCollate', spread='${multi_scale}'),
    dataset=dict(
        type='WithOtherPictures',
        dataset=dict(**dataset, ann_file='${train_ann}', pipeline='${load_pipeline}'),
        pipeline='${train_pipeline}'))
val_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, ann_file='${val_ann}', pipeline='${test_pipeline}', test_mode=True))
test_dataloader = {**val_dataloader, 'dataset': {**val_dataloader['dataset'], 'ann_file': '${test_ann}'}}
