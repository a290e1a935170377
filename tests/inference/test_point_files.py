"""Clouds of other tools as nuScenes has them; a radar on a moving vehicle is simulated by hand."""

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS, read_lidar_bin, read_radar_pcd, write_radar_pcd
from perception_kd.inference.calibration import Points
from perception_kd.inference.point_files import write_lidar, write_radar
from tests.inference.conftest import write_pcd

MOTION = np.array([8.0, 0.5, 0.0])  # of the sensor, in its own frame
FIELDS = {'x': 'x', 'y': 'y', 'z': 'z', 'rcs': 'snr', 'velocity': 'v'}


def radar(compensated: bool = False, **fields) -> Points:
    return Points('R/*', np.eye(4), {**FIELDS, **fields}, compensated)


def columns(path) -> dict[str, np.ndarray]:
    return dict(zip(RADAR_FIELDS, read_radar_pcd(path).T.astype(np.float64)))


def measured(tmp_path, targets: np.ndarray) -> tuple:
    """A file of returns at random places, and the rate at which their distances change, by a small step in time."""
    rng = np.random.default_rng(0)
    places = np.column_stack([rng.uniform(5, 40, len(targets)), rng.uniform(-15, 15, len(targets)),
                              rng.uniform(-1, 2, len(targets))])
    step = 1e-6
    later = places + (targets - MOTION) * step
    speed = (np.linalg.norm(later, axis=1) - np.linalg.norm(places, axis=1)) / step
    fields = dict(zip('xyz', places.T.tolist())) | {'snr': [7.0] * len(targets), 'v': speed.tolist()}
    return write_pcd(tmp_path / 'scan.pcd', fields), places, speed


def radial(places, vectors):
    return (places * vectors).sum(1) / np.linalg.norm(places, axis=1)


@pytest.mark.parametrize('motion', [MOTION, None])
def test_the_motion_of_the_sensor_is_taken_out(tmp_path, motion):
    """Given it or estimating it from what rests: resting things get no velocity, a car keeps its radial part."""
    targets = np.zeros((40, 3))
    targets[0] = -6.0, 1.0, 0.0
    path, places, speed = measured(tmp_path, targets)
    out = columns(write_radar(path, tmp_path / 'out.pcd', radar(), motion))
    along = (out['vx_comp'] * places[:, 0] + out['vy_comp'] * places[:, 1]) / np.hypot(places[:, 0], places[:, 1])
    np.testing.assert_allclose(along, radial(places, targets), atol=2e-3)
    raw = (out['vx'] * places[:, 0] + out['vy'] * places[:, 1]) / np.hypot(places[:, 0], places[:, 1])
    np.testing.assert_allclose(raw, speed, atol=1e-3)
    assert not out['dyn_prop'].any() and (out['rcs'] == 7).all()


def test_an_unknown_motion_is_told(tmp_path):
    path, *_ = measured(tmp_path, np.zeros((4, 3)))  # too few to estimate from
    out = columns(write_radar(path, tmp_path / 'out.pcd', radar(), None))
    assert (out['dyn_prop'] == 4).all() and (out['vx'] == out['vx_comp']).all()


def test_signs_constants_vectors_and_points_that_are_none(tmp_path):
    path = write_pcd(tmp_path / 'a.pcd', {'x': [3.0, 1.0], 'y': [4.0, 0.0], 'v': [5.0, float('nan')], 'w': [0.0, 1.0]})
    given = Points('R/*', np.eye(4), {'x': 'x', 'y': 'y', 'rcs': 4.5, 'velocity': '-v'})
    out = columns(write_radar(path, tmp_path / 'out.pcd', given, MOTION))
    assert {name: out[name].tolist() for name in ('x', 'y', 'z', 'rcs')} == {'x': [3], 'y': [4], 'z': [0], 'rcs': [4.5]}
    np.testing.assert_allclose([out['vx_comp'][0], out['vy_comp'][0]], [-3, -4])
    given = Points('R/*', np.eye(4), {'x': 'x', 'y': 'y', 'rcs': 4.5, 'vx': 'v', 'vy': 'w'})
    out = columns(write_radar(path, tmp_path / 'out.pcd', given, None))
    np.testing.assert_allclose([out['vx_comp'][0], out['vy_comp'][0]], [3 * 0.6, 3 * 0.8], rtol=1e-6)  # its radial part


def test_files_of_nuscenes_stay_where_they_are(tmp_path):
    path = write_radar_pcd(tmp_path / 'a.pcd', {'x': np.ones(2), 'y': np.zeros(2)})
    assert write_radar(path, tmp_path / 'out.pcd', Points('R/*', np.eye(4)), None) == path
    other = write_pcd(tmp_path / 'b.pcd', {'x': [1.0], 'doppler': [1.0]})
    with pytest.raises(ValueError, match="has not nuScenes' fields but x, doppler: say in"):
        write_radar(other, tmp_path / 'out.pcd', Points('R/*', np.eye(4)), None)


@pytest.mark.parametrize(('fields', 'line'), [
    ({'rcs': 'power'}, "has no field 'power', which calib.yaml names as rcs; it has x, y, z, snr, v"),
    ({'speed': 'v'}, 'unknown speed in fields; there are x, y, z, rcs, velocity, vx, vy'),
    ({'vx': 'v', 'vy': 'v'}, 'either velocity or vx and vy'),
])  # fmt: skip
def test_mistakes_in_fields(tmp_path, fields, line):
    path, *_ = measured(tmp_path, np.zeros((3, 3)))
    with pytest.raises(ValueError, match=line):
        write_radar(path, tmp_path / 'out.pcd', radar(**fields), None)


def test_lidar(tmp_path):
    fields = {'x': [1.0, float('nan')], 'y': [2.0, 0], 'z': [3.0, 0], 'intensity': [9.0, 0]}
    path = write_pcd(tmp_path / 'a.pcd', fields)
    out = write_lidar(path, tmp_path / 'a.pcd.bin', Points('L/*', np.eye(4)))
    np.testing.assert_array_equal(read_lidar_bin(out), [[1, 2, 3, 9, 0]])
    assert write_lidar(out, tmp_path / 'b.pcd.bin', Points('L/*', np.eye(4))) == out
    with pytest.raises(ValueError, match='does not name y, z, intensity'):
        write_lidar(path, out, Points('L/*', np.eye(4), {'x': 'x'}))
