"""SceneFlow: trained on all three sets, both renderings; scored on the 400 pictures that RAFT-Stereo's authors draw.

``data_root`` holds FlyingThings3D, Monkaa and Driving. The whole test split: test_dataloader.dataset.count=None
"""

_base_ = ['./stereo.py']

data_root = 'data/sceneflow'
crop_size = (320, 736)
max_disp = 192
batch_size, num_workers, persistent_workers = 4, 4, True
erase_size = (50, 100)
renderings = ['frames_cleanpass', 'frames_finalpass']

part = dict(type='StereoDataset', layout='sceneflow', select=dict(render='${renderings}'), pipeline='${train_pipeline}')
train_dataloader = dict(dataset=dict(
    _delete_=True,
    type='ConcatDataset',
    datasets=[
        dict(**part, data_root='${data_root}/FlyingThings3D', split='TRAIN', name='flyingthings3d'),
        dict(**part, data_root='${data_root}/Monkaa', name='monkaa'),
        dict(**part, data_root='${data_root}/Driving', name='driving')]))
things_test = dict(
    data_root='${data_root}/FlyingThings3D', layout='sceneflow', split='TEST', name='flyingthings3d', count=400,
    count_seed=1000)
val_dataloader = dict(dataset=things_test)
test_dataloader = dict(dataset=things_test)
