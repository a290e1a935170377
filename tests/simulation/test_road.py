"""Road coordinates, tracks, poses, footprints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyquaternion import Quaternion
from shapely.geometry import Polygon

from perception_kd.simulation.footprints import touches
from perception_kd.simulation.pace import STANDING, STEADY, Pace, slowing, stopping
from perception_kd.simulation.poses import dot, quaternion, rotate, yaw_matrix
from perception_kd.simulation.road import CORNER, KERB, KERB_HEIGHT, SIDE_KERB, Road, Track

curvatures = st.sampled_from([0.0, 1 / 90, -1 / 150])
PACES = (STEADY, STANDING, stopping(0.5, 1.5, 1.0, 2.0), slowing(1.0, 0.7, 0.3, 1.0, 0.4), Pace((2.0, 3.0), (0.0, 1.0)))


@given(curvatures, st.floats(-80, 100), st.floats(-15, 15))
@settings(max_examples=60, deadline=None)
def test_offsets_are_square_to_the_centre_line(curvature, s, d):
    road = Road(curvature, -100, 150, 20)
    x, y, heading = road.to_world(s, d)
    x0, y0, _ = road.to_world(s, 0)
    left = np.array([-np.sin(heading), np.cos(heading)])
    np.testing.assert_allclose([x - x0, y - y0], d * left, atol=1e-9)
    near = np.stack(road.to_world(np.array([s, s + 1e-4]), 0)[:2])
    assert np.linalg.norm(np.diff(near)) == pytest.approx(1e-4, rel=1e-4), 's is arc length'


@given(curvatures, st.floats(-9, 9), st.floats(-2, 2), st.floats(0, 4))
@settings(max_examples=60, deadline=None)
def test_velocity_is_the_derivative_of_the_pose(curvature, speed, drift, time):
    track = Track(Road(curvature, -100, 150, 20), 3.0, 4.0, speed, drift)
    step = 1e-5
    ahead, behind = track.pose(time + step), track.pose(time - step)
    np.testing.assert_allclose(track.velocity(time)[:2], (ahead - behind)[:2] / (2 * step), atol=1e-4)


@given(curvatures, st.sampled_from(PACES), st.floats(-1, 6))
@settings(max_examples=80, deadline=None)
def test_velocity_and_yaw_rate_follow_the_pace(curvature, pace, time):
    track = Track(Road(curvature, -100, 150, 20), 3.0, -4.0, 9.0, pace=pace)
    step = 1e-5
    ahead, behind = track.pose(time + step), track.pose(time - step)
    np.testing.assert_allclose(track.velocity(time)[:2], (ahead - behind)[:2] / (2 * step), atol=1e-3)
    assert track.yaw_rate(time) == pytest.approx((ahead - behind)[3] / (2 * step), abs=1e-4)
    assert track.moving(time) == (np.linalg.norm(track.velocity(time)) > 0.09)


@pytest.mark.parametrize('pace', PACES)
def test_covered_is_the_integral_of_the_share(pace):
    times = np.linspace(-1, 8, 90_001)
    share = pace.share(times)
    assert share.min() >= 0 and share.max() <= 1
    by_sum = np.cumsum(share) * 1e-4
    by_sum -= by_sum[10_000]
    np.testing.assert_allclose(pace.covered(times), by_sum, atol=2e-4)
    assert float(pace.covered(0.0)) == 0


def test_stopping_comes_to_a_stand_and_goes_on():
    track = Track(Road(0.0, -100, 150, 20), 0.0, 0.0, 8.0, pace=stopping(1.0, 2.0, 3.0, 4.0))
    assert track.place(3.0)[0] == pytest.approx(8 + 8)
    assert track.place(6.0)[0] == pytest.approx(16) and not track.moving(4.0) and track.moves
    assert track.way(10.0) == pytest.approx(16 + 16)
    assert not Track(track.road, 0.0, 0.0, 8.0, pace=STANDING).moves


@given(curvatures, st.floats(-60, 60), st.floats(-12, 12))
@settings(max_examples=60, deadline=None)
def test_side_street_is_straight_and_square_to_the_road(curvature, s, d):
    road = Road(curvature, -100, 150, 20, mouth=(31.0, SIDE_KERB))
    street = road.side_street()
    x, y, heading = street.to_world(s, d)
    x0, y0, before = road.to_world(31.0, 0.0)
    assert heading == pytest.approx(float(before) + np.pi / 2)
    assert np.hypot(x - x0, y - y0) == pytest.approx(np.hypot(s, d), abs=1e-9)
    assert np.dot([x - x0, y - y0], [np.cos(before), np.sin(before)]) == pytest.approx(-d, abs=1e-9)
    ahead = np.clip(d, -9, 9)
    assert road.along(road.cut(s / 4, ahead), s / 4) == pytest.approx(ahead, abs=1e-9)
    with pytest.raises(ValueError, match='no street crosses this road'):
        Road(curvature, -100, 150, 20).side_street()


def test_both_streets_agree_on_the_height_of_the_ground():
    road = Road(0.0, -100, 150, 20, mouth=(31.0, SIDE_KERB))
    street = road.side_street()
    s, d = np.meshgrid(np.linspace(5, 57, 105), np.linspace(-25, 25, 101))
    height = road.height(s, d)
    np.testing.assert_array_equal(height, street.height(d, 31.0 - s))
    assert set(np.unique(height)) == {0.0, KERB_HEIGHT}
    edge, centre = np.array([SIDE_KERB, KERB]), np.array([SIDE_KERB, KERB]) + CORNER
    for share, expected in ((0.9, 0.0), (1.1, KERB_HEIGHT)):  # on the way from the corner to the rounded kerb
        ahead, away = edge + share * (1 - np.sqrt(0.5)) * (centre - edge)
        assert road.height(31.0 + ahead, -away) == expected
    assert road.crossings == (20, 2 * 31 - 20 - 3.5) and Road(0.0, -100, 150, 20).crossings == (20,)


def test_pavement_is_a_kerb_higher():
    track = Track(Road(0.0, -100, 100, 20), 0.0, 8.0, drift=1.0, facing=1.5)
    heights = track.pose(np.array([0.0, 1.4, 1.6]))[:, 2]
    assert heights.tolist() == [0, 0, KERB_HEIGHT] and track.moves


@given(st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_quaternion_and_products_against_pyquaternion(seed):
    reference = Quaternion(np.random.default_rng(seed).normal(size=4)).normalised
    ours = quaternion(reference.rotation_matrix)
    assert abs(np.dot(ours, reference.q)) == pytest.approx(1, abs=1e-9) and ours[0] >= 0
    points = np.random.default_rng(seed).normal(size=(5, 3))
    np.testing.assert_allclose(
        rotate(points, reference.rotation_matrix), points @ reference.rotation_matrix.T, atol=1e-12
    )
    np.testing.assert_allclose(dot(points, points[::-1]), (points * points[::-1]).sum(1))


def _rectangle(pose: np.ndarray, half: np.ndarray) -> Polygon:
    corners = np.array([[1, 1, 0], [1, -1, 0], [-1, -1, 0], [-1, 1, 0]]) * [*half, 0]
    return Polygon((corners @ yaw_matrix(pose[2]).T)[:, :2] + pose[:2])


def test_touches_against_shapely():
    rng = np.random.default_rng(0)
    answers = []
    for _ in range(300):
        poses, halves = rng.uniform(-4, 4, (3, 2, 3)), rng.uniform(0.3, 2, (3, 2))
        pose, half = rng.uniform(-4, 4, (2, 3)), rng.uniform(0.3, 2, 2)
        expected = any(
            _rectangle(pose[t], half).intersects(_rectangle(poses[n, t], halves[n]))
            for n in range(3)
            for t in range(2)
        )
        answers.append(expected)
        assert touches(pose, half, poses, halves) == expected
    assert 30 < sum(answers) < 290
    assert not touches(pose, half, np.zeros((0, 2, 3)), np.zeros((0, 2)))
