"""Road coordinates, tracks, poses, footprints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyquaternion import Quaternion
from shapely.geometry import Polygon

from perception_kd.simulation.footprints import touches
from perception_kd.simulation.poses import dot, quaternion, rotate, yaw_matrix
from perception_kd.simulation.road import KERB_HEIGHT, Road, Track

curvatures = st.sampled_from([0.0, 1 / 90, -1 / 150])


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
