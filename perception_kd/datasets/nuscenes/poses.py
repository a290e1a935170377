"""Rigid motions as 4x4 float64 matrices. ``a2b`` maps points of frame a into frame b: ``p_b = a2b @ p_a``."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def pose_matrix(translation: Sequence[float], rotation: Sequence[float]) -> Matrix:
    """From a translation (3) in m and a unit quaternion (w, x, y, z)."""
    w, x, y, z = np.asarray(rotation, np.float64) / np.linalg.norm(rotation)
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = translation
    return matrix


def inverse(motion: Matrix) -> Matrix:
    """Inverse of a rigid motion, exact up to rounding (no general solver)."""
    result = np.eye(4)
    result[:3, :3] = motion[:3, :3].T
    result[:3, 3] = -motion[:3, :3].T @ motion[:3, 3]
    return result


def yaw_of(rotation: Matrix) -> float:
    """Angle of a rotation's x axis in the ground plane, counter-clockwise from +x, in rad."""
    return math.atan2(rotation[1, 0], rotation[0, 0])


def move(motion: Matrix, points: np.ndarray) -> np.ndarray:
    """Apply a motion to the rows of (N, 3+) points; columns after the third are dropped. Keeps the dtype."""
    rotation = motion[:3, :3].astype(points.dtype)
    return points[:, :3] @ rotation.T + motion[:3, 3].astype(points.dtype)
