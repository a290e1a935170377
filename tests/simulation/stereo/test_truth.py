"""Disparity and visibility against geometry, the other view and the pictures."""

import numpy as np
import pytest

from perception_kd.simulation.stereo.layouts import LAYOUTS
from perception_kd.simulation.stereo.materials import Palette
from perception_kd.simulation.stereo.meshes import ellipsoid, merge, quads
from perception_kd.simulation.stereo.pair import draw_scene, simulate_pair
from perception_kd.simulation.stereo.rig import Rig
from perception_kd.simulation.stereo.scene import Air, Light, Scene
from perception_kd.simulation.stereo.shading import render
from perception_kd.simulation.stereo.truth import truth_of
from tests.simulation.stereo.small import SMALL

RIG = Rig(width=96, height=64, focal=80.0, centre=(50.2, 30.7), baseline=0.3, doffs=2.5)


def scene_of(*meshes, far=50.0, kind='speckle'):
    palette = Palette(np.random.default_rng(0), 128, RIG.focal)
    palette.of(kind, 3.0, mirror=0.0, shine=0.0, scale=60.0)
    light = np.full(3, 0.6, np.float32)
    air = Air(light, light, np.full((16, 16, 3), 0.5, np.float32), 0.0, far)
    return Scene(merge(meshes), palette, [Light(np.float32([0, -9, -5]), light, 0.1, False, 1.0)], air)


def slanted(a, b, c, size=20.0):
    """The plane z = a x + b y + c."""
    corners = [(x, y, a * x + b * y + c) for x, y in ((-size, -size), (size, -size), (size, size), (-size, size))]
    return quads(np.array([corners]), 0)


def truths(scene, rig=RIG):
    return [truth_of(scene, rig, side, scene.cast(rig.origin(side), rig.rays(side))) for side in (0, 1)]


@pytest.mark.parametrize(('a', 'b', 'c'), [(0.0, 0.0, 4.0), (0.3, -0.2, 3.0), (-0.15, 0.4, 5.0)])
def test_a_plane_has_affine_disparity(a, b, c):
    y, x = np.mgrid[:RIG.height, :RIG.width]
    # z = a x z' + b y z' + c on the ray (x', y', 1): 1 / z = (1 - a x' - b y') / c
    inverse = (1 - a * (x - RIG.centre[0]) / RIG.focal - b * (y - RIG.centre[1]) / RIG.focal) / c
    expected = RIG.focal * RIG.baseline * inverse - RIG.doffs
    left, right = truths(scene_of(slanted(a, b, c)))
    np.testing.assert_allclose(left.disparity, expected, atol=2e-4)
    there = np.stack([x - expected, y])
    np.testing.assert_array_equal(left.noc, (there[0] >= 0) & (there[0] <= RIG.width - 1))
    # d(x) = d0 + s x of the left picture; a right pixel x shows the point of the left pixel x + d
    slope = expected[0, 1] - expected[0, 0]
    at_right = (expected[:, :1] + slope * x) / (1 - slope)
    np.testing.assert_allclose(right.disparity, at_right, atol=5e-4)


def test_a_ball_hides_the_wall_where_geometry_says():
    wall, ball = 6.0, (np.array([0.2, 0.1, 3.0]), 0.5)
    left, right = truths(scene_of(slanted(0, 0, wall), ellipsoid((0.5,) * 3, 0, 96).shifted(*ball[0])))

    def meets_ball(origin, rays):
        towards, rays = ball[0] - origin, rays / np.linalg.norm(rays, axis=1, keepdims=True)
        along = rays @ towards
        return (towards @ towards - along**2 < ball[1] ** 2).reshape(RIG.height, RIG.width)

    for side, truth in enumerate((left, right)):
        front = meets_ball(RIG.origin(side), RIG.rays(side))
        on_wall = RIG.rays(side) * wall + RIG.origin(side)
        hidden = meets_ball(RIG.origin(1 - side), on_wall - RIG.origin(1 - side)) & ~front
        inside = np.arange(RIG.width) - (1 - 2 * side) * RIG.disparity(np.float64(wall))
        inside = (inside >= 0) & (inside <= RIG.width - 1)
        assert hidden.sum() > 100
        far = np.abs(truth.disparity - RIG.disparity(np.float64(wall))) < 1e-3
        assert (far != front).mean() > 0.998, 'the ball is where its rays say, but for facets'
        assert ((truth.noc == (inside & ~hidden)) | front).mean() > 0.998


@pytest.fixture(scope='module', params=[maker.__name__ for maker in LAYOUTS])
def pair(request):
    return simulate_pair(SMALL, 3, 1, request.param)


def _beside(pair):
    """Left pixels (rows, columns) that are visible in both views, and the right column that they fall on."""
    truth = pair.truth[0]
    rows, columns = np.nonzero(truth.noc)
    return rows, columns, columns - truth.disparity[rows, columns]


def test_both_views_agree_where_both_see(pair):
    rows, columns, there = _beside(pair)
    other = pair.truth[1].disparity[rows, np.rint(there).astype(int)]
    apart = np.abs(other - pair.truth[0].disparity[rows, columns])
    assert np.median(apart) < 0.05 and (apart < 1).mean() > 0.9
    assert len(rows) > 0.4 * pair.truth[0].noc.size


def test_what_is_hidden_lies_behind_something(pair):
    truth, other = pair.truth
    rows, columns = np.nonzero(~truth.noc)
    there = np.rint(columns - truth.disparity[rows, columns]).astype(int)
    rows, columns, there = (each[there >= 1] for each in (rows, columns, there))
    around = np.stack([other.disparity[rows, np.clip(there + k, 0, SMALL.width - 1)] for k in (-1, 0, 1)]).max(0)
    assert (around > truth.disparity[rows, columns] - 0.05).mean() > 0.97


def test_the_disparity_keeps_to_the_preset(pair):
    for truth in pair.truth:
        assert np.isfinite(truth.disparity).all() and truth.disparity.min() > 0
    assert pair.truth[0].disparity.max() < SMALL.disparity[1] + 6


@pytest.mark.parametrize('layout', ['cards', 'table_top', 'street'])
def test_the_right_picture_warped_by_the_disparity_is_the_left_one(layout):
    rng = np.random.default_rng([5, 2])
    scene, rig, _ = draw_scene(SMALL, rng, layout)
    hits = scene.cast(rig.origin(0), rig.rays(0))
    rig = Rig(rig.width, rig.height, rig.focal, rig.centre, 10 / rig.focal * float(np.percentile(hits.t, 2)), 0.0)
    hits = [scene.cast(rig.origin(side), rig.rays(side)) for side in (0, 1)]
    left, right = (render(scene, rig, side, hits[side], 2, np.zeros((4, 3))) for side in (0, 1))
    truth = truth_of(scene, rig, 0, hits[0])

    def error(shift):
        rows, columns = np.nonzero(truth.noc)
        there = np.clip(columns - truth.disparity[rows, columns] - shift, 0, rig.width - 1.001)
        low, part = there.astype(int), (there % 1)[:, None]
        warped = right[rows, low] * (1 - part) + right[rows, low + 1] * part
        return np.median(np.abs(warped - left[rows, columns]).mean(-1))

    assert error(0) < 0.04 * left.mean()
    assert error(0) < min(0.8 * error(-0.7), 0.8 * error(0.7))
