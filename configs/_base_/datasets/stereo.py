"""Stereo pairs in folders ``train``, ``val`` and ``test`` of Middlebury's layout, as tools/simulate.py stereo writes them.

The augmentation is RAFT-Stereo's for dense truth. Validation and test see whole pictures, one by one.
"""

data_root = 'data/stereo_sim'
layout, dataset_name = 'middlebury', 'simulated'
train_split, val_split, test_split = 'train', 'val', 'test'
crop_size = (160, 320)
max_disp = 96  # px: truth from here on teaches nothing
batch_size, num_workers, persistent_workers = 4, 1, False
scale = (-0.2, 0.4)  # powers of 2
y_jitter = 2  # px
erase_size = (25, 50)  # px; 50 to 100 for pictures of 540x960

load_pair = [dict(type='LoadStereoPair'), dict(type='LoadDisparity')]
train_pipeline = [
    *load_pair,
    dict(type='StereoColorJitter'),
    dict(type='StereoErase', size='${erase_size}'),
    dict(type='StereoSpatialDense', crop_size='${crop_size}', scale='${scale}', y_jitter='${y_jitter}'),
    dict(type='PackStereoInputs'),
]
test_pipeline = [*load_pair, dict(type='PackStereoInputs')]

dataset = dict(type='StereoDataset', data_root='${data_root}', layout='${layout}', name='${dataset_name}')
train_dataloader = dict(
    batch_size='${batch_size}',
    num_workers='${num_workers}',
    persistent_workers='${persistent_workers}',
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**dataset, split='${train_split}', pipeline='${train_pipeline}'))
val_dataloader = dict(
    batch_size=1,
    num_workers='${num_workers}',
    persistent_workers='${persistent_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='${val_split}', pipeline='${test_pipeline}', test_mode=True))
test_dataloader = {**val_dataloader, 'dataset': {**val_dataloader['dataset'], 'split': '${test_split}'}}
