"""What each fault does to LiDAR points (N, 5)."""

from __future__ import annotations

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.poses import pose_matrix
from perception_kd.faults import LEVELS, Draw, build_fault

LIDAR2EGO = pose_matrix((0.9, 0, 1.8), (0.7071068, 0, 0, -0.7071068))  # its y axis looks forward


def cloud(count: int = 3200) -> np.ndarray:
    rng = np.random.default_rng(0)
    reach, angle, up = rng.uniform(2, 80, count), rng.uniform(-np.pi, np.pi, count), rng.uniform(-0.4, 0.1, count)
    points = np.stack([reach * np.cos(up) * np.cos(angle), reach * np.cos(up) * np.sin(angle), reach * np.sin(up),
                       rng.uniform(0, 60, count), np.arange(count) % 32], axis=1)
    return points.astype(np.float32)


def faulty(points: np.ndarray, **cfg) -> np.ndarray:
    draw = Draw((0, cfg['type']), 'scene', 'LIDAR_TOP', 'a.bin', dict(lidar2ego=LIDAR2EGO))
    return build_fault(cfg).change(points.copy(), draw)


def reach_of(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, :3], axis=1)


@pytest.mark.parametrize('keep', [1, 4, 8, 16, 32])
def test_beams_that_are_left_are_evenly_spread(keep):
    found = faulty(cloud(), type='BeamDrop', keep=keep)
    rings = np.unique(found[:, 4])
    assert len(rings) == keep and len(found) == 100 * keep
    assert np.ptp(np.diff(rings)) <= 0 if keep > 1 else True


def test_points_are_dropped_by_chance_and_nested():
    kept = [{tuple(point) for point in faulty(cloud(), type='LidarDrop', severity=level)} for level in LEVELS]
    assert kept[2] < kept[1] < kept[0]
    assert [len(one) / 3200 for one in kept] == pytest.approx([0.5, 0.25, 0.1], abs=0.03)


def test_a_sector_is_empty_and_nothing_else():
    points = cloud()
    found = faulty(points, type='LidarSector', width_deg=90.0)
    assert len(found) == pytest.approx(2400, abs=100)
    angles = np.sort(np.degrees(np.arctan2(found[:, 1], found[:, 0])))
    gaps = np.diff(np.concatenate([angles, angles[:1] + 360]))
    assert gaps.max() == pytest.approx(90, abs=1.5) and np.sort(gaps)[-2] < 5


def test_jitter_and_intensity():
    points = cloud()
    found = faulty(points, type='LidarJitter', std=0.1)
    assert (found[:, :3] - points[:, :3]).std() == pytest.approx(0.1, rel=0.05)
    assert np.array_equal(found[:, 3:], points[:, 3:])
    found = faulty(points, type='LidarIntensity', gain=0.5, offset=240.0)
    assert np.allclose(found[:, 3], np.minimum(points[:, 3] * 0.5 + 240, 255))
    assert np.array_equal(found[:, :3], points[:, :3])
    assert not faulty(points, type='LidarIntensity', severity='hard')[:, 3].any()


def test_crosstalk_moves_some_points_along_their_beams():
    points = cloud()
    found = faulty(points, type='LidarCrosstalk', share=0.1)
    moved = np.any(found[:, :3] != points[:, :3], axis=1)
    assert moved.mean() == pytest.approx(0.1, abs=0.03)
    directions = [one[moved, :3] / reach_of(one[moved])[:, None] for one in (points, found)]
    assert np.allclose(*directions, atol=1e-5) and reach_of(found[moved]).max() <= 60.001


def test_fog_dims_by_the_law_of_beer_and_takes_far_targets():
    points = cloud()
    left = []
    for level, extinction in zip(LEVELS, (0.02, 0.06, 0.15)):
        found = faulty(points, type='LidarFog', severity=level)
        same = {tuple(point[:3]): point[3] for point in points}
        targets = [point for point in found if tuple(point[:3]) in same]
        for point in targets[:50]:
            clear, distance = same[tuple(point[:3])], np.linalg.norm(point[:3])
            assert point[3] == pytest.approx(clear * np.exp(-2 * extinction * distance), rel=1e-3)
        left.append(len(targets))
        from_fog = np.array([point for point in found if tuple(point[:3]) not in same])
        assert (from_fog[:, 3] <= 5).all() and np.median(reach_of(from_fog)) < 5 and reach_of(from_fog).min() > 1.4
    assert len(points) > left[0] > left[1] > left[2] > 0


def test_snow_puts_flakes_in_front_of_targets():
    points = cloud()
    old, flakes = {tuple(point[:3]) for point in points}, []
    for level, rate in zip(LEVELS, (0.005, 0.015, 0.04)):
        found = faulty(points, type='LidarSnow', severity=level)
        new = np.array([point for point in found if tuple(point[:3]) not in old])
        assert reach_of(new).max() <= 20.001 and reach_of(new).min() >= 1.5
        flakes.append(len(new))
        reach = np.minimum(reach_of(points), 20)
        assert len(new) == pytest.approx((np.exp(-1.5 * rate) - np.exp(-rate * reach)).sum(), rel=0.2)
    assert flakes[0] < flakes[1] < flakes[2]


@pytest.mark.parametrize('name, clear', [('LidarFog', dict(extinction=0.0)), ('LidarSnow', dict(rate=0.0))])
def test_clear_air_changes_nothing(name, clear):
    points = cloud()
    points[0, :4] = 90, 0, 0, 0
    assert np.array_equal(faulty(points, type=name, **clear), points)


def test_uncompensated_motion_against_a_simulated_turn():
    """A resting pillar, seen by a LiDAR that turns clockwise from behind while the car drives ahead."""
    speed, period = 10.0, 0.1
    for angle_deg, since in ((179.9, 1.0), (90.0, 0.75), (0.0, 0.5), (-90.0, 0.25), (-179.9, 0.0)):
        angle = np.deg2rad(angle_deg)
        ahead, left = 20 * np.cos(angle), 20 * np.sin(angle)
        point = np.array([[-left, ahead, 0, 1, 0]], np.float32)  # the LiDAR's y is forward, its x to the right
        found = faulty(point, type='LidarMotion', speed=speed, period=period)
        assert np.allclose(found[0, :2], [-left, ahead + speed * period * since], atol=1e-2)
        turned = faulty(point, type='LidarMotion', speed=0.0, yaw_rate_deg=90.0, period=period)
        before = np.deg2rad(90 * period * since)
        wanted = [-(left * np.cos(before) + ahead * np.sin(before)), ahead * np.cos(before) - left * np.sin(before)]
        assert np.allclose(turned[0, :2], wanted, atol=1e-2)


@pytest.mark.parametrize('name', ['BeamDrop', 'LidarDrop', 'LidarSector', 'LidarJitter', 'LidarIntensity',
                                  'LidarCrosstalk', 'LidarMotion', 'LidarFog', 'LidarSnow', 'LidarExtrinsic'])
def test_empty_clouds_and_points_on_the_lidar(name):
    for points in (np.zeros((0, 5), np.float32), np.zeros((2, 5), np.float32)):
        found = faulty(points, type=name, severity='hard')
        assert found.dtype == np.float32 and found.shape[1] == 5 and np.isfinite(found).all()
