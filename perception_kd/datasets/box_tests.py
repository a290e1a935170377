"""Which points lie in which boxes, and which boxes meet: for many points and few boxes, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def points_of_boxes(points: np.ndarray, boxes: np.ndarray) -> list[NDArray[np.int64]]:
    """Rows of the points inside of each box, ascending.

    As mmdet3d's ``points_in_boxes``: strictly between the sides, from bottom to top included, in float32. Points are
    sorted once into strips along x, so that each box looks at the few of its own.

    Args:
        points: (P, 3+) x, y, z in m.
        boxes: (M, 7+) x, y, z_bottom, l, w, h in m, yaw in rad; in the points' frame.

    Returns:
        M arrays of rows of ``points``.
    """
    points, boxes = points[:, :3].astype(np.float32), boxes[:, :7].astype(np.float32)
    strips = _strips(points[:, 0])
    order = np.argsort(strips, kind='stable')  # of int16 a radix sort: 3.5 times faster than of the coordinates
    points, strips = points[order], strips[order]
    reach = np.hypot(boxes[:, 3], boxes[:, 4]) / 2 + 0.01
    first = np.searchsorted(strips, _strips(boxes[:, 0] - reach))
    last = np.searchsorted(strips, _strips(boxes[:, 0] + reach), side='right')
    return [np.sort(order[low:high][_inside(points[low:high], box)]) for low, high, box in zip(first, last, boxes)]


def _strips(x: NDArray[np.float32]) -> NDArray[np.int16]:
    """Numbers of strips, which never fall where ``x`` rises; all that is further than 500 m shares the outermost."""
    with np.errstate(invalid='ignore'):  # NaN goes anywhere: it is inside of no box
        return np.clip(x * 64, -32000, 32000).astype(np.int16)


def _inside(points: NDArray[np.float32], box: NDArray[np.float32]) -> NDArray[np.bool_]:
    half, yaw = box[3:6] / 2, np.float64(box[6])
    middle = np.float32(np.float64(box[2]) + np.float64(box[5]) / 2)
    cos, sin = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))
    x, y = points[:, 0] - box[0], points[:, 1] - box[1]
    along, across = x * cos + y * sin, y * cos - x * sin
    return (np.abs(along) < half[0]) & (np.abs(across) < half[1]) & (np.abs(points[:, 2] - middle) <= half[2])


def meeting(first: np.ndarray, second: np.ndarray) -> NDArray[np.bool_]:
    """(M, N) whether boxes overlap seen from above.

    Two rectangles are apart if and only if they are so along a side of one of them (separating axes).

    Args:
        first, second: (M, 7+) and (N, 7+), as in :func:`points_of_boxes`.
    """
    return _meet_along(first, second) & _meet_along(second, first).T


def _meet_along(ones: np.ndarray, others: np.ndarray) -> NDArray[np.bool_]:
    """(M, N) whether their shadows on the axes of the M boxes overlap."""
    ones, others = ones.astype(np.float64)[:, None], others.astype(np.float64)[None]
    cos, sin = np.cos(ones[..., 6]), np.sin(ones[..., 6])
    x, y = others[..., 0] - ones[..., 0], others[..., 1] - ones[..., 1]
    turn = others[..., 6] - ones[..., 6]
    along, across = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    reach_x = (ones[..., 3] + others[..., 3] * along + others[..., 4] * across) / 2
    reach_y = (ones[..., 4] + others[..., 3] * across + others[..., 4] * along) / 2
    return (np.abs(x * cos + y * sin) < reach_x) & (np.abs(y * cos - x * sin) < reach_y)
