"""Points in boxes and boxes that meet: equal to mmdet3d's own functions and to a brute-force look."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

import numpy as np
import pytest
import torch
from mmdet3d.datasets.transforms import data_augment_utils
from mmdet3d.structures import LiDARInstance3DBoxes
from mmdet3d.structures.ops import box_np_ops
from shapely.geometry import Polygon

from perception_kd.datasets.box_tests import meeting, points_of_boxes
from tests.datasets.uncompiled import uncompiled  # noqa: F401

pytestmark = pytest.mark.usefixtures('uncompiled')


def random_boxes(count: int, rng: np.random.Generator, reach: float) -> np.ndarray:
    """(count, 9) of many sizes, in any direction."""
    return np.c_[rng.uniform(-reach, reach, (count, 2)), rng.uniform(-3, 1, count), rng.uniform(0.3, 12, (count, 1)),
                 rng.uniform(0.3, 3, (count, 2)), rng.uniform(-7, 7, count), np.full((count, 2), np.nan)]


def test_points_are_those_of_mmdet3d() -> None:
    rng = np.random.default_rng(0)
    boxes = random_boxes(40, rng, 20).astype(np.float32)
    points = np.c_[rng.uniform(-30, 30, (6000, 2)), rng.uniform(-4, 4, (6000, 1)), rng.random((6000, 2))]
    points = points.astype(np.float32)
    inside = points_of_boxes(points, boxes)
    theirs = LiDARInstance3DBoxes(boxes[:, :7]).points_in_boxes_all(torch.from_numpy(points[:, :3])).numpy()
    assert [rows.tolist() for rows in inside] == [np.flatnonzero(column).tolist() for column in theirs.T]
    database = box_np_ops.points_in_rbbox(points[:500], boxes)  # what its create_gt_database asks
    assert [rows[rows < 500].tolist() for rows in inside] == [np.flatnonzero(column).tolist() for column in database.T]
    assert sum(map(len, inside)) > 100


def test_borders_and_nothing_at_all() -> None:
    box = np.array([[1, 2, 0, 4, 2, 1, 0.0]])
    points = np.array([[1, 2, 0], [1, 2, 1], [1, 2, 1.001], [2.999, 2.999, 0.5], [3, 2, 0.5], [1, 3, 0.5]])
    assert points_of_boxes(points, box)[0].tolist() == [0, 1, 3]  # sides out, bottom and top in
    assert points_of_boxes(points[:0], box)[0].tolist() == [] and points_of_boxes(points, box[:0]) == []


def test_far_points_and_such_that_are_none() -> None:
    boxes = np.array([[700, 0, 0, 4, 2, 2, 0.0], [-3000, 0, 0, 9, 2, 2, 1.0], [499.9, 0, 0, 2, 2, 2, 0.0]])
    points = np.array([[700, 0, 1], [np.nan, 0, 1], [-3000, 1, 1], [-np.inf, 0, 1], [500.5, 0, 1], [499.5, 0, 1],
                       [1e30, 0, 1]])
    assert [rows.tolist() for rows in points_of_boxes(points, boxes)] == [[0], [2], [4, 5]]


def test_boxes_meet_as_polygons_do() -> None:
    rng = np.random.default_rng(1)
    ones, others = random_boxes(40, rng, 12), random_boxes(30, rng, 12)
    corners = [box_np_ops.center_to_corner_box2d(boxes[:, :2], boxes[:, 3:5], boxes[:, 6]) for boxes in (ones, others)]
    exact = np.array([[Polygon(one).intersects(Polygon(other)) for other in corners[1]] for one in corners[0]])
    found = meeting(ones, others)
    assert np.array_equal(found, exact) and 80 < exact.sum() < 900
    theirs = data_augment_utils.box_collision_test(*corners).astype(bool)
    assert not (theirs & ~found).any(), 'mmdet3d overlooks some pairs, and finds no others'
    assert 0 < (found & ~theirs).sum() < 0.05 * exact.sum()


def test_a_small_box_inside_of_a_large_one_and_a_cross() -> None:
    large, small = np.array([[0, 0, 0, 10, 4, 1, 0.3]]), np.array([[0.5, 0, 5, 1, 1, 1, 0.0]])
    cross, away = np.array([[0, 0, 0, 1, 20, 1, 0.3]]), np.array([[0, 2.7, 0, 10, 1, 1, 0.3]])
    assert meeting(large, np.concatenate([small, cross, away])).tolist() == [[True, True, False]]
