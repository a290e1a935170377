"""When sensors measure: the plan of instants, and the files and rows of camera sweeps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nuscenes import NuScenes
from pyquaternion import Quaternion

from perception_kd.simulation.presets import get_preset
from perception_kd.simulation.recording import record, schedule
from perception_kd.simulation.sensors.rig import build_rig
from perception_kd.simulation.town import allot
from perception_kd.simulation.writers.nuscenes import VERSION, simulate_nuscenes
from tests.simulation.quiet import QUIET

FAST = replace(QUIET, camera_rate=12.0, lidar_rate=2.0, radar_rate=2.0, image_size=(32, 18))
"""Pictures twelve times a second, of two key frames."""
CAMERAS = [mount.channel for mount in build_rig(FAST.image_size) if mount.modality == 'camera']


def test_schedule_leads_up_to_key_frames(preset):
    instants = schedule(preset)
    assert sum(instant.is_key for instant in instants) == preset.key_frames
    assert len(instants) == preset.key_frames * (1 + 1 + 2)
    for instant in instants:
        wait = instant.key_frame * preset.key_interval - instant.time
        assert (wait == 0) == instant.is_key and 0 <= wait < preset.key_interval


@pytest.mark.parametrize(
    ('name', 'keys', 'rates', 'first'),
    [
        ('small', 20, {'camera': 2, 'lidar': 10, 'radar': 13}, {'camera': 0.0, 'lidar': -0.4, 'radar': -5 / 12}),
        ('full', 40, {'camera': 12, 'lidar': 20, 'radar': 13}, {'camera': -5 / 12, 'lidar': -0.45, 'radar': -5 / 12}),
    ],
)
def test_rates_hold_on_average_however_they_divide(name, keys, rates, first):
    instants, last = schedule(get_preset(name)), (keys - 1) * 0.5
    assert [i.time for i in instants] == sorted({i.time for i in instants}), 'one instant for sensors that coincide'
    key_times = [i.time for i in instants if i.is_key]
    np.testing.assert_allclose(key_times, np.arange(keys) * 0.5)
    assert all(i.modalities == set(rates) for i in instants if i.is_key)
    for modality, rate in rates.items():
        times = np.array([i.time for i in instants if modality in i.modalities])
        assert times[0] == pytest.approx(first[modality], abs=1e-6) and times[-1] == last
        assert abs((times >= 0).sum() - rate * last - 1) < 1
        assert np.diff(times).min() > 0.8 / rate and np.diff(times).max() < 1.2 / rate
    for instant in instants:
        assert -0.5 < instant.time - instant.key_frame * 0.5 <= 0


@pytest.fixture(scope='module')
def fast(tmp_path_factory):
    root = simulate_nuscenes(tmp_path_factory.mktemp('fast') / 'root', scenes=1, seed=3, preset=FAST, workers=1)
    return NuScenes(VERSION, str(root), verbose=False)


def _chain(nusc, channel):
    """Rows of a channel from its first measurement on, which is found by going back from the first key frame."""
    row = nusc.get('sample_data', nusc.sample[0]['data'][channel])
    while row['prev']:
        row = nusc.get('sample_data', row['prev'])
    rows = [row]
    while rows[-1]['next']:
        rows.append(nusc.get('sample_data', rows[-1]['next']))
        assert rows[-1]['prev'] == rows[-2]['token']
    return rows


def _files(nusc, channel):
    """Files of a channel, of key frames and between them."""
    return [path for kind in ('samples', 'sweeps') for path in (Path(nusc.dataroot) / kind / channel).iterdir()]


@pytest.mark.parametrize('channel', CAMERAS)
def test_camera_sweeps_are_chained_and_filed(fast, channel):
    rows = _chain(fast, channel)
    times = np.array([row['timestamp'] for row in rows]) - fast.sample[0]['timestamp']
    np.testing.assert_allclose(times, np.arange(-5, 7) / 12 * 1e6, atol=2)
    assert [row['is_key_frame'] for row in rows] == [index in (5, 11) for index in range(12)]
    for row in rows:
        folder = 'samples' if row['is_key_frame'] else 'sweeps'
        assert row['filename'].startswith(f'{folder}/{channel}/') and row['filename'].endswith('.jpg')
        assert (row['width'], row['height']) == FAST.image_size
        assert fast.get('sample', row['sample_token'])['timestamp'] >= row['timestamp'], 'leads up to its key frame'
    on_disk = {path.relative_to(fast.dataroot).as_posix() for path in _files(fast, channel)}
    assert on_disk == {row['filename'] for row in rows} and len(on_disk) == 12


def test_camera_sweeps_have_ego_poses_of_their_own_time(fast):
    world = record(FAST, build_rig(FAST.image_size), 3, 0).world
    to_global, first = allot(3, 0).to_global, fast.sample[0]['timestamp']
    poses = [fast.get('ego_pose', row['ego_pose_token']) for row in _chain(fast, 'CAM_BACK')]
    for pose, row in zip(poses, _chain(fast, 'CAM_BACK')):
        expected = to_global @ world.ego_pose((row['timestamp'] - first) / 1e6)
        assert pose['timestamp'] == row['timestamp']
        np.testing.assert_allclose(pose['translation'], expected[:3, 3], atol=1e-4)
        np.testing.assert_allclose(Quaternion(pose['rotation']).rotation_matrix, expected[:3, :3], atol=1e-5)
    assert len({tuple(pose['translation']) for pose in poses}) == 12, 'the vehicle moves'
