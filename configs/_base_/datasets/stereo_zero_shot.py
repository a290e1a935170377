"""The published zero-shot protocol for testing: Middlebury V3 training, ETH3D training, KITTI 2012 and 2015, Booster.

``middlebury_split`` chooses the size (trainingQ, trainingH, trainingF). Leave a set out by leaving it out of ``test_sets``.
A list of pairs instead of them: ``--cfg-options 'test_sets=[${listed_pairs}]' pairs_root=DIR pairs_list=pairs.jsonl``.
"""

middlebury_root, middlebury_split = 'data/MiddEval3', 'trainingQ'
eth3d_root = 'data/eth3d'
kitti2012_root, kitti2015_root = 'data/kitti2012', 'data/kitti2015'
booster_root = 'data/booster'
pairs_root, pairs_list = 'data/pairs', 'pairs.jsonl'

load_pair = [dict(type='LoadStereoPair'), dict(type='LoadDisparity')]
zero_shot_pipeline = [*load_pair, dict(type='PackStereoInputs')]
quarter_pipeline = [*load_pair, dict(type='StereoResize', scale=0.25), dict(type='PackStereoInputs')]
one = dict(type='StereoDataset', test_mode=True)
whole = dict(**one, pipeline='${zero_shot_pipeline}')
listed_pairs = dict(**whole, data_root='${pairs_root}', ann_file='${pairs_list}')
test_sets = [
    dict(**whole, data_root='${middlebury_root}', layout='middlebury', split='${middlebury_split}'),
    dict(**whole, data_root='${eth3d_root}', layout='eth3d', split='training'),
    dict(**whole, data_root='${kitti2012_root}', layout='kitti2012', split='training'),
    dict(**whole, data_root='${kitti2015_root}', layout='kitti2015', split='training'),
    dict(**one, pipeline='${quarter_pipeline}', data_root='${booster_root}', layout='booster', split='train/balanced'),
]
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ConcatDataset', datasets='${test_sets}'))
