"""Boxes that stand in one another's place."""

from __future__ import annotations

import numpy as np


def place_taken(box: np.ndarray, others: np.ndarray) -> bool:
    """Whether, seen from above, the centre of a box lies in one of the others, or the centre of one of them in it.

    A teacher of several classes often finds one object as two (a bicycle and a motorcycle), which are too far apart
    for its own suppression, or are never compared there.

    Args:
        box: (7+) x, y, z, length, width, height in m, yaw in rad.
        others: (N, 7+).
    """
    if not len(others):
        return False
    box, others = np.asarray(box, np.float64), np.asarray(others, np.float64)
    away = box[:2] - others[:, :2]
    return bool((_inside(away, others) | _inside(-away, box[None])).any())


def _inside(away: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) whether a point so far (N, 2) from the centre of each box lies in it."""
    cos, sin = np.cos(boxes[:, 6]), np.sin(boxes[:, 6])
    along, across = away[:, 0] * cos + away[:, 1] * sin, away[:, 1] * cos - away[:, 0] * sin
    return (np.abs(along) < boxes[:, 3] / 2) & (np.abs(across) < boxes[:, 4] / 2)
