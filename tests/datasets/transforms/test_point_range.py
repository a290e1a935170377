"""The box of a range against a comparison row by row."""

from __future__ import annotations

import numpy as np
import pytest

from perception_kd.datasets.transforms.point_range import in_range


@pytest.mark.parametrize('axes', [1, 2, 3])
def test_against_rows(axes):
    rng = np.random.default_rng(axes)
    points = rng.integers(-3, 4, (500, 5)).astype(np.float32)  # many lie exactly on a border
    points[rng.random(points.shape) < 0.05] = np.nan
    points[rng.random(points.shape) < 0.05] = np.inf
    low, high = np.float32([-2, -1, 0])[:axes], np.float32([2, 3, 1])[:axes]
    expected = [all(low[axis] <= point[axis] < high[axis] for axis in range(axes)) for point in points]
    assert in_range(points, low, high).tolist() == expected and 0 < sum(expected) < 500


def test_no_points_and_wrong_borders():
    assert in_range(np.zeros((0, 5), np.float32), (0, 0), (1, 1)).shape == (0,)
    with pytest.raises(ValueError, match='zip'):
        in_range(np.zeros((2, 5)), (0, 0), (1,))
