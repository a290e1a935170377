"""Radar and LiDAR files: ours against nuscenes-devkit's readers, real files, damaged files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nuscenes.utils.data_classes import LidarPointCloud, RadarPointCloud

from perception_kd.datasets.nuscenes.formats import (
    RADAR_DTYPE,
    RADAR_FIELDS,
    read_lidar_bin,
    read_radar_pcd,
    write_lidar_bin,
    write_radar_pcd,
)

EVERY_STATE = dict(invalid_states=range(18), dynprop_states=range(8), ambig_states=range(5))


def random_sweep(count: int, seed: int = 0) -> np.ndarray:
    """(18, N) with every field different from 0 and within its type."""
    rng = np.random.default_rng(seed)
    table = rng.uniform(-90, 90, (18, count))
    limits = {'dyn_prop': 8, 'id': 30000, 'is_quality_valid': 2, 'ambig_state': 5, 'invalid_state': 18,
              'pdh0': 8}
    for row, name in enumerate(RADAR_FIELDS):
        if RADAR_DTYPE[name].kind == 'i':
            table[row] = rng.integers(0, limits.get(name, 20), count)
    return table


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 130), seed=st.integers(0, 99))
def test_radar_round_trip_and_devkit_agree(tmp_path_factory, count, seed):
    table = random_sweep(count, seed)
    path = write_radar_pcd(tmp_path_factory.mktemp('radar') / 'a.pcd', table)
    ours = read_radar_pcd(path)
    devkit = RadarPointCloud.from_file(str(path), **EVERY_STATE).points
    assert ours.dtype == np.float32 and ours.shape == (count, 18)
    np.testing.assert_array_equal(ours, table.T.astype(np.float32))
    np.testing.assert_array_equal(ours, devkit.T.astype(np.float32))
    assert path.stat().st_size == 4096 + 43 * count  # as every real file


def test_named_fields_pass_the_devkits_default_filters(tmp_path):
    path = write_radar_pcd(tmp_path / 'a.pcd', {'x': [1.0, 2.0], 'y': [3.0, 4.0], 'rcs': [5.0, -6.0]})
    points = RadarPointCloud.from_file(str(path)).points
    assert points.shape == (18, 2)
    np.testing.assert_allclose(points[[0, 1, 5]], [[1, 2], [3, 4], [5, -6]])


def test_empty_sweep(tmp_path):
    path = write_radar_pcd(tmp_path / 'a.pcd', np.zeros((18, 0)))
    assert read_radar_pcd(path).shape == (0, 18)
    assert RadarPointCloud.from_file(str(path)).points.shape == (18, 0)
    assert b'WIDTH 1\n' in path.read_bytes()  # the devkit refuses a width of 0


@pytest.mark.parametrize(('fields', 'message'), [
    (np.zeros((17, 3)), r'\(18, N\)'),
    ({'x': [1.0], 'y': [1.0], 'speed': [1.0]}, 'speed'),
    ({'x': [1.0]}, 'x and y'),
    ({'x': [1.0, 2.0], 'y': [1.0]}, 'radar field y'),
    ({'x': [np.nan], 'y': [1.0]}, 'NaN'),
    ({'x': [1.0], 'y': [1.0], 'dyn_prop': [200]}, 'dyn_prop must lie'),
])
def test_bad_radar_values(tmp_path, fields, message):
    with pytest.raises(ValueError, match=message):
        write_radar_pcd(tmp_path / 'a.pcd', fields)
    assert not list(tmp_path.iterdir())


def test_radar_name_must_end_in_pcd(tmp_path):
    with pytest.raises(ValueError, match=r'must end in \.pcd'):
        write_radar_pcd(tmp_path / 'a.bin', random_sweep(1))


def damaged(kind: str, content: bytes) -> bytes:
    start = content.index(b'DATA binary\n') + 12
    return {
        'truncated points': content[:start + 100],
        'truncated header': content[:80],
        'empty': b'',
        'ascii': content.replace(b'DATA binary', b'DATA ascii '),
        'width 0': content.replace(b'WIDTH 9', b'WIDTH 0'),
        'width missing': content.replace(b'WIDTH', b'BREADTH'),
        'other fields': content.replace(b' rcs ', b' abc '),
    }[kind]


@pytest.mark.parametrize('kind', ['truncated points', 'truncated header', 'empty', 'ascii', 'width 0',
                                  'width missing', 'other fields'])
def test_damaged_radar_file_is_named(tmp_path, kind):
    path = write_radar_pcd(tmp_path / 'sweep.pcd', random_sweep(9))
    path.write_bytes(damaged(kind, path.read_bytes()))
    with pytest.raises(ValueError, match=r'sweep\.pcd'):
        read_radar_pcd(path)


def test_lidar_round_trip_and_devkit_agree(tmp_path):
    points = np.random.default_rng(0).uniform(0, 255, (50, 5)).astype(np.float32)
    path = write_lidar_bin(tmp_path / 'a.pcd.bin', points)
    np.testing.assert_array_equal(read_lidar_bin(path), points)
    np.testing.assert_array_equal(LidarPointCloud.from_file(str(path)).points.T, points[:, :4])


def test_bad_lidar(tmp_path):
    with pytest.raises(ValueError, match=r'\(N, 5\)'):
        write_lidar_bin(tmp_path / 'a.pcd.bin', np.zeros((3, 4)))
    with pytest.raises(ValueError, match='NaN'):
        write_lidar_bin(tmp_path / 'a.pcd.bin', np.full((3, 5), np.inf))
    path = write_lidar_bin(tmp_path / 'a.pcd.bin', np.zeros((3, 5)))
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match=r'a\.pcd\.bin: truncated'):
        read_lidar_bin(path)
    with pytest.raises(FileNotFoundError, match=r'b\.pcd\.bin'):
        read_lidar_bin(tmp_path / 'b.pcd.bin')
