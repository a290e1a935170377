"""Synthetic and real sets together, each as often as RAFT-Stereo's authors show it; scored as SceneFlow.

Leave a set out by leaving it out of ``sets``. Truth with holes gets the gentler augmentation for it.
"""

_base_ = ['./stereo_sceneflow.py']

sintel_root, fallingthings_root = 'data/sintel', 'data/fallingthings'

train_pipeline = [
    dict(type='LoadStereoPair'),
    dict(type='LoadDisparity'),
    dict(
        type='StereoBySparsity',
        dense=[
            dict(type='StereoColorJitter'),
            dict(type='StereoErase', size='${erase_size}'),
            dict(type='StereoSpatialDense', crop_size='${crop_size}', scale='${scale}', y_jitter='${y_jitter}')],
        sparse=[
            dict(type='StereoColorJitter', brightness=0.3, contrast=0.3, saturation=(0.7, 1.3), hue=0.3 / 3.141592653589793, asymmetric_prob=0.0),
            dict(type='StereoErase', size='${erase_size}'),
            dict(type='StereoSpatialSparse', crop_size='${crop_size}', scale='${scale}')]),
    dict(type='PackStereoInputs'),
]
one = dict(type='StereoDataset', pipeline='${train_pipeline}')
scene = dict(**one, layout='sceneflow', select=dict(render='${renderings}'), repeat=4)
sets = [
    dict(**scene, data_root='${data_root}/FlyingThings3D', split='TRAIN', name='flyingthings3d'),
    dict(**scene, data_root='${data_root}/Monkaa', name='monkaa'),
    dict(**scene, data_root='${data_root}/Driving', name='driving'),
    dict(**one, data_root='${sintel_root}', layout='sintel', split='training', select=dict(render=['clean', 'final']), repeat=140),
    dict(**one, data_root='${fallingthings_root}', layout='fallingthings', repeat=5),
]
train_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets='${sets}'))
