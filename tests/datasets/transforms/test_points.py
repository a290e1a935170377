"""LiDAR and radar sweeps against nuscenes-devkit; radar filters, motion and bad files."""

from pathlib import Path

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS, write_lidar_bin, write_radar_pcd
from perception_kd.datasets.transforms import FILTER_PRESETS, LoadLidarSweeps, LoadRadarSweeps
from perception_kd.datasets.transforms.radar import filter_points, to_lidar_frame
from tests.tiny_world import VERSION


@pytest.fixture(scope='module')
def devkit(tiny_root):
    from nuscenes.nuscenes import NuScenes
    return NuScenes(VERSION, str(tiny_root), verbose=False)


def by_rows(points):
    return points[np.lexsort(points.T.round(2))]


def test_lidar_sweeps_equal_the_devkits(raw, devkit):
    from nuscenes.utils.data_classes import LidarPointCloud
    ours = LoadLidarSweeps(sweeps_num=9)(raw)['points']
    sample = devkit.get('sample', raw['token'])
    theirs, times = LidarPointCloud.from_file_multisweep(devkit, sample, 'LIDAR_TOP', 'LIDAR_TOP', nsweeps=10)
    assert ours.dtype == np.float32 and len(ours) == theirs.points.shape[1]
    np.testing.assert_allclose(by_rows(ours), by_rows(np.r_[theirs.points[:4], times].T), atol=2e-3)


def test_radar_sweeps_equal_the_devkits(raw, devkit):
    """Positions and ages; the devkit neither moves points by their velocity nor turns velocities."""
    from nuscenes.utils.data_classes import RadarPointCloud
    ours = LoadRadarSweeps(sweeps_num=9, compensate_motion=False, filter_preset='none')(raw)['radar']
    sample, clouds = devkit.get('sample', raw['token']), []
    RadarPointCloud.disable_filters()
    for channel in raw['radar_points']:
        cloud, times = RadarPointCloud.from_file_multisweep(devkit, sample, channel, 'LIDAR_TOP', nsweeps=10,
                                                            min_distance=0.1)
        clouds.append(np.r_[cloud.points[[0, 1, 2, 5]], times].T)
    RadarPointCloud.default_filters()
    theirs = by_rows(np.concatenate(clouds))
    np.testing.assert_allclose(by_rows(ours[:, [0, 1, 2, 3, 6]]), theirs, atol=2e-3)


def test_fewer_sweeps_and_none(raw):
    ages = {count: np.unique(LoadRadarSweeps(sweeps_num=count)(raw)['radar'][:, 6].round(4))
            for count in (0, 2)}
    assert len(ages[0]) == 2 and len(ages[2]) == 6
    assert set(np.unique(LoadLidarSweeps(sweeps_num=0)(raw)['points'][:, 4])) == {0.0}
    del raw['lidar_sweeps']
    assert len(LoadLidarSweeps(sweeps_num=5)(raw)['points'])
    raw['radar_points'] = {}
    assert LoadRadarSweeps()(raw)['radar'].shape == (0, 7)


def test_points_on_the_own_car_and_nan_are_dropped(raw, tmp_path):
    path = tmp_path / 'sweep.pcd.bin'
    points = np.array([[0.5, -0.9, 1, 7, 0], [0.5, 1.1, 1, 8, 3], [-5, 0, 0, 9, 31]], np.float32)
    write_lidar_bin(path, points)
    raw['lidar_points']['lidar_path'] = str(path)
    load = LoadLidarSweeps(sweeps_num=0)
    np.testing.assert_allclose(load(raw)['points'], [[0.5, 1.1, 1, 8, 0], [-5, 0, 0, 9, 0]])
    points[2, 1] = np.nan
    path.write_bytes(points.tobytes())
    assert len(load(raw)['points']) == 1
    path.write_bytes(points[:1].tobytes())
    assert load(raw)['points'].shape == (0, 5)


def test_filter_presets_equal_the_devkits_filters(tmp_path):
    """Every combination of states, once through our presets and once through the devkit's reader."""
    from nuscenes.utils.data_classes import RadarPointCloud
    states = np.stack(np.meshgrid(np.arange(18), np.arange(8), np.arange(5), indexing='ij')).reshape(3, -1)
    path = tmp_path / 'all.pcd'
    count = states.shape[1]
    write_radar_pcd(path, {'x': np.arange(count) + 1.0, 'y': np.zeros(count), 'invalid_state': states[0],
                           'dyn_prop': states[1], 'ambig_state': states[2]})
    raw = RadarPointCloud.from_file(str(path), list(range(18)), list(range(8)), list(range(5))).points.T
    np.testing.assert_array_equal(filter_points(raw, 'none'), raw)
    for preset in ('devkit', 'crn'):
        accepted = FILTER_PRESETS[preset]
        theirs = RadarPointCloud.from_file(str(path), *(
            list(accepted[field]) for field in ('invalid_state', 'dyn_prop', 'ambig_state'))).points.T
        np.testing.assert_array_equal(filter_points(raw, preset), theirs)
    default = RadarPointCloud.from_file(str(path)).points.T
    np.testing.assert_array_equal(filter_points(raw, 'devkit'), default)
    assert len(default) < len(filter_points(raw, 'crn')) < count


def test_points_are_carried_on_by_their_velocity():
    points = np.zeros((2, 18), np.float32)
    points[:, :2], points[:, RADAR_FIELDS.index('rcs')] = [[10, 1], [20, -2]], [3, 4]
    points[:, RADAR_FIELDS.index('vx_comp')] = [5, 0]
    points[:, RADAR_FIELDS.index('vy_comp')] = [0, -2]
    motion = np.eye(4)
    motion[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]  # a quarter turn: x becomes y
    motion[:3, 3] = [1, 0, 0.5]
    both, age = np.stack([motion, motion]), np.array([0.2, 0.1])
    moved = to_lidar_frame(points, both, both[:, :3, :3], age, True)
    np.testing.assert_allclose(moved, [[0, 11, 0.5, 3, 0, 5, 0.2], [3.2, 20, 0.5, 4, 2, 0, 0.1]], atol=1e-5)
    resting = to_lidar_frame(points, both, both[:, :3, :3], age, False)
    np.testing.assert_allclose(resting[:, :2], [[0, 10], [3, 20]], atol=1e-5)
    np.testing.assert_allclose(resting[:, 2:], moved[:, 2:])


def test_velocity_turns_with_the_ego_car_or_not(raw):
    """The ego car turns at 0.3 rad/s, so the two ways differ by that times the age."""
    def angle(points):
        moving = points[np.hypot(points[:, 4], points[:, 5]) > 1]
        return np.arctan2(moving[:, 5], moving[:, 4]), moving[:, 6]

    full, ages = angle(LoadRadarSweeps()(dict(raw))['radar'])
    plain, _ = angle(LoadRadarSweeps(rotate_ego=False)(dict(raw))['radar'])
    np.testing.assert_allclose(plain - full, 0.3 * ages, atol=1e-3)
    assert ages.max() > 0.4 and np.ptp(full) < 1e-3


def test_empty_and_nan_radar(raw, tmp_path):
    empty, spoilt = tmp_path / 'empty.pcd', tmp_path / 'nan.pcd'
    write_radar_pcd(empty, np.zeros((18, 0)))
    write_radar_pcd(spoilt, {'x': np.array([5.0, 6.0]), 'y': np.array([1.0, 12345.0])})
    content = spoilt.read_bytes()
    spoilt.write_bytes(content.replace(np.float32(12345).tobytes(), np.float32(np.nan).tobytes()))
    for radar, path in zip(raw['radar_points'].values(), (empty, spoilt)):
        radar['radar_path'] = str(path)
    assert len(LoadRadarSweeps(sweeps_num=0)(raw)['radar']) == 1
    for radar in raw['radar_points'].values():
        radar['radar_path'] = str(empty)
    points = LoadRadarSweeps(sweeps_num=0)(raw)['radar']
    assert points.shape == (0, 7) and points.dtype == np.float32


def test_near_and_far_radar_points(raw):
    distance = np.hypot(*LoadRadarSweeps()(raw)['radar'][:, :2].T)
    middle = float(np.median(distance))
    kept = LoadRadarSweeps(range_lim=(0.1, middle))(raw)['radar']
    assert len(kept) == (distance < middle).sum()


def test_bad_files_are_named(tiny_root, tmp_path, raw):
    radar = next(iter(raw['radar_points'].values()))
    whole = Path(radar['radar_path']).read_bytes()
    path = tmp_path / 'sweep.pcd'
    radar['radar_path'] = str(path)
    for content, kind, message in [
            (None, FileNotFoundError, 'no such radar sweep'),
            (whole[:400], ValueError, 'truncated'),
            (b'', ValueError, 'not a nuScenes radar file'),
            (b'# .PCD\nDATA binary\n', ValueError, 'unreadable PCD header')]:
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(kind, match=message) as caught:
            LoadRadarSweeps()(raw)
        assert str(path) in str(caught.value) and '\n' not in str(caught.value)
    raw['lidar_points']['lidar_path'] = str(tmp_path / 'cut.bin')
    (tmp_path / 'cut.bin').write_bytes(bytes(33))
    with pytest.raises(ValueError, match=r'cut\.bin: truncated'):
        LoadLidarSweeps()(raw)
    with pytest.raises(ValueError, match="one of devkit, crn, none, got 'strict'"):
        LoadRadarSweeps(filter_preset='strict')
