"""What each fault does to radar points (N, 18): counts, values and directions of velocity."""

from __future__ import annotations

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS
from perception_kd.datasets.transforms.radar import FILTER_PRESETS, filter_points
from perception_kd.faults import LEVELS, Draw, build_fault

COLUMN = {name: place for place, name in enumerate(RADAR_FIELDS)}
OWN = np.array([8.0, -1.0])  # velocity of the radar over ground, in its own frame


def cloud(count: int = 400) -> np.ndarray:
    """Points of resting and moving things with radial velocities, as a radar puts them out."""
    rng = np.random.default_rng(0)
    points = np.zeros((count, 18), np.float32)
    reach, angle = rng.uniform(2, 60, count), rng.uniform(-1, 1, count)
    sight = np.stack([np.cos(angle), np.sin(angle)], 1)
    points[:, :2] = reach[:, None] * sight
    speed = rng.normal(0, 3, count) * (np.arange(count) % 2)
    points[:, [8, 9]] = speed[:, None] * sight
    points[:, [6, 7]] = (speed - sight @ OWN)[:, None] * sight
    points[:, COLUMN['rcs']] = rng.normal(5, 8, count)
    points[:, [COLUMN['ambig_state'], COLUMN['is_quality_valid'], COLUMN['pdh0']]] = 3, 1, 1
    return points


def faulty(seen: np.ndarray, file: str = 'a.pcd', **cfg) -> np.ndarray:
    return build_fault(cfg).change(seen.copy(), Draw((0, cfg['type']), 'scene', 'RADAR_FRONT', file))


def other_columns(one: np.ndarray, other: np.ndarray, *names: str) -> bool:
    """Whether two clouds agree in all columns but those."""
    same = [place for name, place in COLUMN.items() if name not in names]
    return np.array_equal(one[:, same], other[:, same])


@pytest.mark.parametrize('share', [0.0, 0.25, 0.5, 0.75, 1.0])
def test_drop(share):
    points = cloud()
    found = faulty(points, type='RadarDrop', share=share)
    assert len(found) == pytest.approx(len(points) * (1 - share), abs=40)
    assert {tuple(point) for point in found} <= {tuple(point) for point in points}


def test_what_a_milder_fault_drops_a_harder_one_drops_too():
    points = cloud()
    points[:, COLUMN['id']] = np.arange(len(points))
    kept = [set(faulty(points, type='RadarDrop', severity=level)[:, COLUMN['id']]) for level in LEVELS]
    assert kept[2] < kept[1] < kept[0]
    assert kept[0] != set(faulty(points, 'b.pcd', type='RadarDrop', severity='easy')[:, COLUMN['id']])


def test_sweeps_are_lost_as_a_whole():
    lengths = [len(faulty(cloud(), f'{number}.pcd', type='RadarSweepsLost', share=0.5)) for number in range(60)]
    assert set(lengths) == {0, 400} and 15 < lengths.count(0) < 45


def test_mirrored_ghosts_lie_farther_and_move_along_the_line_of_sight():
    points = cloud()
    points[:, COLUMN['id']] = np.arange(len(points))
    found = faulty(points, type='RadarMultipath', share=1.0, loss_db=6.0)
    assert np.array_equal(found[:len(points)], points)
    ghosts = found[len(points):]
    sources = points[ghosts[:, COLUMN['id']].astype(int)]
    assert 20 < len(ghosts) < len(points)
    assert np.allclose(ghosts[:, 5], sources[:, 5] - 6) and np.array_equal(ghosts[:, 2], sources[:, 2])
    assert (np.linalg.norm(ghosts[:, :2], axis=1) > np.linalg.norm(sources[:, :2], axis=1)).all()
    steps = ghosts[:, :2] - sources[:, :2]
    normals = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    assert np.abs(normals - normals[0]).max() < 0.02  # one mirror
    middles = ((ghosts[:, :2] + sources[:, :2]) / 2 * normals[0]).sum(1)
    assert np.ptp(middles) < 0.5 and 3 <= middles.mean() <= 15
    sight = ghosts[:, :2] / np.linalg.norm(ghosts[:, :2], axis=1, keepdims=True)
    for columns in ([6, 7], [8, 9]):
        mirrored = sources[:, columns] - 2 * (sources[:, columns] @ normals[0])[:, None] * normals[0]
        wanted = (mirrored * sight).sum(1, keepdims=True) * sight
        assert np.allclose(ghosts[:, columns], wanted, atol=0.05)


@pytest.mark.parametrize('speed_std', [0.0, 5.0])
def test_clutter_is_believed_by_every_filter_and_fits_to_the_own_motion(speed_std):
    points = cloud()
    found = faulty(points, type='RadarClutter', points=200.0, speed_std=speed_std)[len(points):]
    assert 150 < len(found) < 250
    assert all(len(filter_points(found, preset)) == len(found) for preset in FILTER_PRESETS)
    sight = found[:, :2] / np.linalg.norm(found[:, :2], axis=1, keepdims=True)
    assert np.degrees(np.abs(np.arctan2(found[:, 1], found[:, 0]))).max() <= 60.001
    assert np.linalg.norm(found[:, :2], axis=1).max() <= 80.001
    speed, measured = found[:, 8:10], found[:, 6:8]
    assert np.allclose((speed * sight).sum(1) - (measured * sight).sum(1), sight @ OWN, atol=1e-3)
    assert np.linalg.norm(speed, axis=1).std() > 1 if speed_std else np.all(speed == 0)


def test_clutter_of_an_empty_sweep_rests():
    found = faulty(cloud()[:0], type='RadarClutter', points=20.0)
    assert len(found) > 5 and np.all(found[:, 6:10] == 0)


def test_rcs():
    points = cloud()
    offset = faulty(points, type='RadarRcsOffset', offset_db=-6.0)
    assert np.allclose(offset[:, 5], points[:, 5] - 6) and other_columns(offset, points, 'rcs')
    noise = faulty(points, type='RadarRcsNoise', std_db=6.0)
    assert (noise[:, 5] - points[:, 5]).std() == pytest.approx(6, rel=0.15) and other_columns(noise, points, 'rcs')


def test_turned_signs():
    points = cloud()
    speeds = ('vx', 'vy', 'vx_comp', 'vy_comp')
    found = faulty(points, type='DopplerSign', share=1.0)
    assert np.allclose(found[:, 6:10], -points[:, 6:10]) and other_columns(found, points, *speeds)
    measured = faulty(points, type='DopplerSign', share=1.0, measured=True)
    assert np.allclose(measured[:, 6:8], -points[:, 6:8])
    # What is added for the own motion is still the same, so what rests seems to move at twice the own speed.
    assert np.allclose(measured[:, 8:10] - measured[:, 6:8], points[:, 8:10] - points[:, 6:8], atol=1e-5)
    resting = np.all(points[:, 8:10] == 0, axis=1)
    sight = points[resting, :2] / np.linalg.norm(points[resting, :2], axis=1, keepdims=True)
    assert np.allclose((measured[resting, 8:10] * sight).sum(1), 2 * sight @ OWN, atol=1e-4)
    half = faulty(points, type='DopplerSign', share=0.5)
    turned = np.all(half[:, 6:8] == -points[:, 6:8], axis=1)
    assert 140 < turned.sum() < 260 and np.array_equal(half[~turned], points[~turned])


def test_noise_of_doppler_is_radial():
    points = cloud()
    found = faulty(points, type='DopplerNoise', std=2.0)
    added = found[:, 8:10] - points[:, 8:10]
    sight = points[:, :2] / np.linalg.norm(points[:, :2], axis=1, keepdims=True)
    assert (added * sight).sum(1).std() == pytest.approx(2, rel=0.15)
    assert np.abs(added - (added * sight).sum(1, keepdims=True) * sight).max() < 1e-5
    assert np.allclose(found[:, 6:8] - points[:, 6:8], added, atol=1e-5)


@pytest.mark.parametrize('name', ['RadarDrop', 'RadarSweepsLost', 'RadarMultipath', 'RadarClutter', 'RadarRcsOffset',
                                  'RadarRcsNoise', 'DopplerSign', 'DopplerNoise'])
def test_empty_sweeps_points_on_the_radar_and_nan(name):
    fault = build_fault(dict(type=name, severity='hard'))
    odd = np.zeros((3, 18), np.float32)
    odd[1] = np.nan
    for points in (odd[:0], odd):
        found = fault.change(points.copy(), Draw((0, name), 'scene', 'RADAR_FRONT', 'a.pcd'))
        assert found.dtype == np.float32 and found.shape[1] == 18
        assert np.isfinite(found[len(points):]).all()
