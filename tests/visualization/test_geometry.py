"""Boxes and projection against nuscenes-devkit; clipping against dense sampling and shapely."""

import numpy as np
import pytest
from nuscenes.utils.data_classes import Box
from nuscenes.utils.geometry_utils import view_points
from pyquaternion import Quaternion
from shapely.geometry import LineString, box

from perception_kd.visualization.geometry import (
    NEAR,
    box_corners,
    clip_near,
    clip_to_image,
    edge_lines,
    ground_outline,
    heading_lines,
    project_lines,
    project_points,
    to_pixels,
)
from tests.visualization.conftest import CAM2IMG, LIDAR2CAM, SIZE


def random_boxes(rng, count=20):
    return rng.uniform(-30, 30, (count, 3)), rng.uniform(0.4, 9, (count, 3)), rng.uniform(-4, 4, count)


def devkit_box(centre, size, yaw):
    return Box(centre, [size[1], size[0], size[2]], Quaternion(axis=[0, 0, 1], angle=yaw))


def test_corners_equal_the_devkits():
    centres, sizes, yaws = random_boxes(np.random.default_rng(0))
    corners = box_corners(centres, sizes, yaws)
    for index in range(len(yaws)):
        theirs = devkit_box(centres[index], sizes[index], yaws[index])
        np.testing.assert_allclose(corners[index], theirs.corners().T, atol=1e-9)
        ours = {tuple(row) for row in ground_outline(corners)[index].round(6)}
        assert ours == {tuple(row) for row in theirs.bottom_corners().T.round(6)}


def test_heading_line_points_along_the_yaw():
    centres, sizes, yaws = random_boxes(np.random.default_rng(1))
    start, end = np.moveaxis(heading_lines(box_corners(centres, sizes, yaws)), 1, 0)
    expected = sizes[:, :1] / 2 * np.stack([np.cos(yaws), np.sin(yaws)], 1)
    np.testing.assert_allclose((end - start)[:, :2], expected, atol=1e-9)


def test_every_edge_is_as_long_as_a_side():
    centres, sizes, yaws = random_boxes(np.random.default_rng(2))
    edges = edge_lines(box_corners(centres, sizes, yaws))
    lengths = np.sort(np.linalg.norm(edges[:, :, 0] - edges[:, :, 1], axis=-1), axis=1)
    np.testing.assert_allclose(lengths, np.sort(np.repeat(sizes, 4, axis=1), axis=1), atol=1e-9)


def test_pixels_equal_the_devkits():
    points = np.random.default_rng(3).uniform([-5, -5, 1], [5, 5, 40], (50, 3))
    np.testing.assert_allclose(
        to_pixels(points, CAM2IMG), view_points(points.T, CAM2IMG, normalize=True)[:2].T
    )


def test_points_behind_or_outside_are_not_shown():
    points = np.array([[0, 10, 0], [0, -10, 0], [0, 0.2, 0], [200, 10, 0], [np.nan, 5, 0]])
    _, depth, shown = project_points(points, LIDAR2CAM, CAM2IMG, SIZE)
    assert shown.tolist() == [True, False, False, False, False]
    np.testing.assert_allclose(depth[:2], [10, -10])


def test_near_plane_cuts_where_the_line_crosses_it():
    lines = np.array([[[0, 0, -1.0], [2, 4, 1]], [[0, 0, 3], [1, 1, 2]], [[0, 0, -1], [1, 1, -2]]])
    cut, visible = clip_near(lines)
    assert visible.tolist() == [True, True, False]
    share = (NEAR + 1) / 2
    np.testing.assert_allclose(cut[0], [[2 * share, 4 * share, NEAR], [2, 4, 1]])
    np.testing.assert_array_equal(cut[1], lines[1])


def test_a_box_astride_the_image_plane_is_drawn_where_its_visible_part_projects():
    corners = box_corners(np.array([[0.5, 0.3, -1.0]]), np.array([[4.0, 2.0, 1.6]]), np.array([1.4]))
    lines, seen = project_lines(edge_lines(corners)[0], LIDAR2CAM, CAM2IMG, SIZE)
    assert 0 < seen.sum() < 12 and np.isfinite(lines[seen]).all()
    for edge, line in zip(edge_lines(corners)[0][seen], lines[seen]):
        samples = edge[0] + np.linspace(0, 1, 4001)[:, None] * (edge[1] - edge[0])
        pixels, _, shown = project_points(samples, LIDAR2CAM, CAM2IMG, SIZE, nearest=NEAR)
        assert LineString(line).buffer(0.5).covers(LineString(pixels[shown]))


def test_no_line_of_a_box_behind_the_camera():
    corners = box_corners(np.array([[0, -10.0, 0]]), np.array([[4.0, 2, 1.6]]), np.zeros(1))
    assert not project_lines(edge_lines(corners), LIDAR2CAM, CAM2IMG, SIZE)[1].any()


@pytest.mark.parametrize('seed', range(3))
def test_clipping_at_the_borders_equals_shapely(seed):
    lines = np.random.default_rng(seed).uniform(-300, 700, (200, 2, 2))
    clipped, inside = clip_to_image(lines, *SIZE)
    image = box(0, 0, *SIZE)
    for line, cut, here in zip(lines, clipped, inside):
        part = LineString(line).intersection(image)
        assert here == (not part.is_empty)
        if here:
            assert LineString(cut).length == pytest.approx(part.length, abs=1e-6)
            assert part.distance(LineString(cut)) < 1e-6


def test_clipping_keeps_axis_parallel_and_single_point_lines():
    lines = np.array([[[-5, 50], [900, 50]], [[50, -9], [50, 20]], [[7, 7], [7, 7]], [[-1, 5], [-1, 9.0]]])
    clipped, inside = clip_to_image(lines, *SIZE)
    assert inside.tolist() == [True, True, True, False]
    np.testing.assert_allclose(clipped[:3], [[[0, 50], [400, 50]], [[50, 0], [50, 20]], [[7, 7], [7, 7]]])
