"""KITTI: trained on 2012, scored on 2015. Sparse truth is carried over, not interpolated.

Both for training, before a submission: --cfg-options 'train_dataloader.dataset=${kitti_both}'
"""

_base_ = ['./stereo.py']

kitti2012_root, kitti2015_root = 'data/kitti2012', 'data/kitti2015'
crop_size = (320, 736)
max_disp = 192
batch_size, num_workers, persistent_workers = 4, 4, True
erase_size = (50, 100)

train_pipeline = [
    dict(type='LoadStereoPair'),
    dict(type='LoadDisparity'),
    dict(type='StereoColorJitter', brightness=0.3, contrast=0.3, saturation=(0.7, 1.3), hue=0.3 / 3.141592653589793, asymmetric_prob=0.0),
    dict(type='StereoErase', size='${erase_size}'),
    dict(type='StereoSpatialSparse', crop_size='${crop_size}', scale='${scale}'),
    dict(type='PackStereoInputs'),
]
kitti2012 = dict(type='StereoDataset', data_root='${kitti2012_root}', layout='kitti2012', split='training')
kitti2015 = dict(type='StereoDataset', data_root='${kitti2015_root}', layout='kitti2015', split='training')
kitti_both = dict(type='ConcatDataset', datasets=[
    dict(**kitti2012, pipeline='${train_pipeline}'), dict(**kitti2015, pipeline='${train_pipeline}')])

train_dataloader = dict(dataset=dict(_delete_=True, **kitti2012, pipeline='${train_pipeline}'))
val_dataloader = dict(dataset=dict(_delete_=True, **kitti2015, pipeline='${test_pipeline}', test_mode=True))
test_dataloader = dict(dataset=dict(_delete_=True, **kitti2015, pipeline='${test_pipeline}', test_mode=True))
