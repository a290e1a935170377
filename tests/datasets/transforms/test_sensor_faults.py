"""Faults in pipelines: the same for every model, in the past too, fresh in training, apart from a teacher's inputs."""

from __future__ import annotations

import copy

import cv2
import numpy as np
import pytest
import torch

from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.nuscenes.formats import read_radar_pcd
from perception_kd.datasets.transforms import (
    ApplyFaults,
    BesideClean,
    BEVAug,
    ImageAug,
    LoadBoxes3D,
    LoadLidarSweeps,
    LoadMultiViewImages,
    LoadPastFrames,
    LoadRadarSweeps,
    PackInputs,
)
from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.teacher_cache.key import SampleKey
from perception_kd.engine.random_state import random_draws
from perception_kd.faults import RadarDrop

BLACK_CAMERA = dict(type='CameraCrash', cameras=1)


def loaded(raw: dict, *faults: dict, steps: tuple = (), **settings) -> dict:
    sample = ApplyFaults(faults=faults, **settings)(copy.deepcopy(raw))
    for step in steps or (LoadMultiViewImages(), LoadRadarSweeps(filter_preset='none'), LoadLidarSweeps()):
        sample = step(sample)
    return sample


def same(one: dict, other: dict, *keys: str) -> bool:
    return all(np.array_equal(np.stack(one[key]), np.stack(other[key])) if key == 'img'
               else np.array_equal(one[key], other[key]) for key in keys)


@pytest.mark.parametrize('fault, key', [
    (dict(type='Fog', severity='easy'), 'img'), (dict(type='RadarDrop', share=0.5), 'radar'),
    (dict(type='LidarDrop', share=0.5), 'points'), (dict(type='RadarExtrinsic', severity='hard'), 'radar'),
    (dict(type='CameraExtrinsic', severity='hard'), 'lidar2cam'),
    (dict(type='LidarExtrinsic', severity='hard'), 'points'),
    (dict(type='RadarStale', delay=0.2), 'radar'), (dict(type='LidarStale', delay=0.2), 'points')])
def test_only_the_sensor_that_is_meant_changes(raw, fault, key):
    clean, found = loaded(raw), loaded(raw, fault)
    keys = ('img', 'cam2img', 'lidar2cam', 'radar', 'points')
    assert not same(found, clean, key) and same(found, clean, *(other for other in keys if other != key))
    assert same(loaded(raw, fault), found, *keys)


def test_a_lost_camera_is_black_keeps_its_calibration_and_needs_no_file(raw):
    raw['images']['RIGHT'] = {**raw['images']['CAM_BACK'], 'img_path': 'nowhere.jpg'}
    lost = ApplyFaults(faults=[dict(type='CameraCrash', cameras=9)])(copy.deepcopy(raw))
    for scale in (1, 2):
        found = LoadMultiViewImages(decode_scale=scale)({**lost})
        assert [image.shape for image in found['img']] == [(64 // scale, 176 // scale, 3)] * 3
        assert not np.stack(found['img']).any()
        assert np.array_equal(found['lidar2cam'], np.stack([one['lidar2cam'] for one in raw['images'].values()]))


def test_no_points_at_all_survive_the_loaders(raw):
    found = loaded(raw, dict(type='RadarsLost', radars=5), dict(type='LidarLost'))
    assert found['radar'].shape == (0, 7) and found['points'].shape == (0, 5)
    packed = PackInputs(keys=('points', 'radar', 'img'))(BEVAug()(LoadBoxes3D()(found)))
    assert packed['inputs']['points'].shape == (0, 5) and packed['inputs']['radar'].shape == (0, 7)


def test_radar_faults_act_before_every_filter(raw):
    """Clutter is put into each file, so it is there under each filter and with each number of sweeps."""
    fault = dict(type='RadarClutter', points=30.0)
    added = [len(loaded(raw, fault, steps=(LoadRadarSweeps(sweeps_num=1, filter_preset=preset),))['radar'])
             - len(loaded(raw, steps=(LoadRadarSweeps(sweeps_num=1, filter_preset=preset),))['radar'])
             for preset in ('none', 'crn')]
    assert added[0] == added[1] > 60


def test_two_models_meet_the_same_faults(raw, tiny_root):
    """One sees RGB pictures, all sensors and sweeps, the other BGR ones, the front, past frames, and no LiDAR."""
    faults = (dict(type='Snow', severity='easy'), dict(type='RadarDrop', share=0.5), dict(type='RadarExtrinsic',
                                                                                         severity='hard'))
    large = loaded(raw, *faults, steps=(LoadLidarSweeps(), LoadMultiViewImages(), LoadRadarSweeps(sweeps_num=2)))
    few = NuScenesRadarDataset(ann_file='nuscenes_infos_tiny_train.pkl', data_root=str(tiny_root),
                               cameras=['CAM_FRONT'], radars=['RADAR_FRONT'], past_frames=(1,)).get_data_info(4)
    np.random.seed(99)
    small = loaded(few, *faults, steps=(LoadRadarSweeps(sweeps_num=0), LoadMultiViewImages(to_rgb=False)))
    front = list(raw['images']).index('CAM_FRONT')
    assert np.array_equal(large['img'][front][..., ::-1], small['img'][0])
    points = {tuple(point) for point in large['radar'].round(3)}
    assert len(small['radar']) and {tuple(point) for point in small['radar'].round(3)} <= points


def test_pictures_are_changed_as_stored_before_the_decoder_shrinks(raw):
    whole = loaded(raw, dict(type='Snow', severity='easy'))['img'][0]
    shrunk = loaded(raw, dict(type='Snow', severity='easy'), steps=(LoadMultiViewImages(decode_scale=2),))['img'][0]
    assert np.array_equal(shrunk, cv2.resize(whole, (88, 32), interpolation=cv2.INTER_AREA))


def test_the_past_suffers_alike(tiny_root):
    data = NuScenesRadarDataset(ann_file='nuscenes_infos_tiny_train.pkl', data_root=str(tiny_root), past_frames=(1, 2),
                                earlier_frames=1)
    raw = data.get_data_info(2)
    past = LoadPastFrames(transforms=[LoadMultiViewImages(), LoadRadarSweeps()])
    found = loaded(raw, dict(type='CameraCrash', cameras=5), dict(type='RadarsLost', radars=4),
                   steps=(past, LoadMultiViewImages()))
    dark = [[not image.any() for image in frame['img']] for frame in (found, *found['past'])]
    assert dark[0] == dark[1] == dark[2] and any(dark[0])
    assert len({frozenset(frame['radar_points']) for frame in (found, *found['past'])}) == 1
    lost = [[bool(camera.get('lost')) for frame in (one, *one['past']) for camera in frame['images'].values()]
            for one in (ApplyFaults(faults=[dict(type='FrameLost', prob=0.5)], seed=seed)(copy.deepcopy(raw))
                        for seed in range(6))]
    assert len({tuple(one) for one in lost}) > 3 and any(one[:2] != one[2:4] for one in lost)
    late = ApplyFaults(faults=[dict(type='CameraStale', delay=0.5)])(copy.deepcopy(raw))
    for frame, older in zip((late, late['past'][0]), raw['past']):
        assert [one['img_path'] for one in frame['images'].values()] == [
            one['img_path'] for one in older['images'].values()]
    assert 'lost' not in raw['images']['CAM_FRONT'] and raw['past'][0]['earlier'][0]['token'] == raw['past'][1]['token']


def test_fresh_draws_follow_the_seed_of_the_sample(raw):
    def points(*seed: int) -> np.ndarray:
        with random_draws(seed):
            return loaded(raw, dict(type='LidarJitter', std=0.1), seed=None, prob=0.9)['points']

    assert np.array_equal(points(1, 2), points(1, 2)) and not np.array_equal(points(1, 2), points(1, 3))


def test_chance_and_choice_of_faults(raw):
    marks = [ApplyFaults(faults=[BLACK_CAMERA], prob=0.3, seed=seed)(copy.deepcopy(raw)).get('faults') is not None
             for seed in range(200)]
    assert np.mean(marks) == pytest.approx(0.3, abs=0.1)
    faults = [dict(type='LidarLost'), dict(type='RadarsLost', radars=5), dict(type='CameraCrash', cameras=6)]
    seen = []
    for seed in range(20):
        found = ApplyFaults(faults=faults, draw=1, seed=seed)(copy.deepcopy(raw))
        lost = any(camera.get('lost') for camera in found['images'].values())
        seen.append((bool(found['lidar_points'].get('lost')), not found['radar_points'], lost))
    assert all(sum(one) == 1 for one in seen) and len(set(seen)) == 3


@pytest.mark.parametrize('settings', [dict(prob=1.5), dict(draw=2), dict(draw=-1)])
def test_wrong_settings_are_refused(settings):
    with pytest.raises(ValueError, match='ApplyFaults'):
        ApplyFaults(faults=[BLACK_CAMERA], **settings)


@pytest.fixture
def beside():
    steps = [LoadMultiViewImages(), LoadRadarSweeps(sweeps_num=2, filter_preset='none', drop_points=0.5),
             LoadPastFrames(transforms=[LoadMultiViewImages(), LoadRadarSweeps()]), LoadLidarSweeps(), LoadBoxes3D(),
             ImageAug(final_size=(32, 88), resize_lim=(0.4, 0.7), flip_prob=0.5, training=True), BEVAug(),
             PackInputs(keys=('img', 'img_aug_matrix', 'lidar_aug_matrix', 'radar', 'points', 'past'))]

    def run(*faults: dict, keys: tuple = ('img', 'img_aug_matrix', 'lidar_aug_matrix', 'points', 'past')):
        return BesideClean(faults=ApplyFaults(faults=faults), transforms=steps, keys=keys)
    return run


def test_clean_inputs_beside_faulty_ones_have_the_same_augmentation(tiny_root, beside):
    data = NuScenesRadarDataset(ann_file='nuscenes_infos_tiny_train.pkl', data_root=str(tiny_root), past_frames=(1,))
    raw = data.get_data_info(4)
    faults = dict(type='CameraCrash', cameras=6), dict(type='RadarsLost', radars=1), dict(type='LidarDrop', share=0.5)
    with random_draws((3,)):
        inputs = beside(*faults)(copy.deepcopy(raw))['inputs']
    with random_draws((3,)):
        sound = beside()(copy.deepcopy(raw))['inputs']
    for key in ('img_aug_matrix', 'lidar_aug_matrix'):
        assert torch.equal(inputs[key], inputs[f'clean_{key}'])
    assert not inputs['img'].any() and inputs['clean_img'].any() and len(inputs['points']) < len(inputs['clean_points'])
    assert not inputs['past'][0]['img'].any() and inputs['clean_past'][0]['img'].any()
    for key in ('img', 'points'):
        assert torch.equal(sound[key], sound[f'clean_{key}'])
    with pytest.raises(ValueError, match='makes no depth_target'):
        beside(keys=('depth_target',))(copy.deepcopy(raw))


def test_a_teacher_cache_tells_faulty_inputs_from_clean_ones(raw, beside):
    """Its key holds a digest of what the teacher reads: fixed faults are another entry's, none is taken for another."""
    def keys(*faults: dict) -> list[SampleKey]:
        with random_draws((3,)):
            sample = beside(*faults, keys=('points',))(copy.deepcopy(raw))
        inputs = {key: [value] for key, value in sample['inputs'].items()}
        return [SampleKey.of(DistillBatch(inputs, [sample['data_samples']]), [key]).digest
                for key in ('points', 'clean_points')]

    clean, faulty = keys(), keys(dict(type='LidarDrop', share=0.5))
    assert clean[0] != faulty[0] and clean[1] == faulty[1]
    assert faulty == keys(dict(type='LidarDrop', share=0.5))
    assert clean[0] == keys(dict(type='RadarsLost', radars=5))[0]


def test_faults_get_what_is_in_the_file(raw, monkeypatch):
    seen = {}
    monkeypatch.setattr(RadarDrop, 'change', lambda self, data, draw: seen.setdefault(draw.channel, data.copy()))
    loaded(raw, dict(type='RadarDrop', share=0.0), steps=(LoadRadarSweeps(sweeps_num=0, filter_preset='crn'),))
    assert list(seen) == list(raw['radar_points'])
    for channel, radar in raw['radar_points'].items():
        assert np.array_equal(seen[channel], read_radar_pcd(radar['radar_path']))
