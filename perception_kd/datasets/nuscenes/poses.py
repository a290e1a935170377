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


def pose_matrices(translations: np.ndarray, rotations: np.ndarray) -> Matrix:
    """(N, 4, 4) as :func:`pose_matrix`, from translations (N, 3) in m and unit quaternions (N, 4: w, x, y, z)."""
    w, x, y, z = (rotations / np.linalg.norm(rotations, axis=1, keepdims=True)).T
    matrices = np.tile(np.eye(4), (len(w), 1, 1))
    matrices[:, :3, :3] = np.moveaxis(np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]), -1, 0)
    matrices[:, :3, 3] = translations
    return matrices


def inverses(motions: Matrix) -> Matrix:
    """(N, 4, 4) as :func:`inverse`."""
    results = np.tile(np.eye(4), (len(motions), 1, 1))
    turned_back = np.swapaxes(motions[:, :3, :3], 1, 2)
    results[:, :3, :3] = turned_back
    results[:, :3, 3] = -(turned_back @ motions[:, :3, 3:])[..., 0]
    return results


def frame_motion(from_lidar2global: Matrix, to_lidar2global: Matrix) -> NDArray[np.float32]:
    """``(4, 4)`` points of one moment's LiDAR frame -> the frame of another moment.

    Multiplied in float64 (global coordinates are large) and rounded once.

    Args:
        from_lidar2global, to_lidar2global: ``(4, 4)`` poses in the world.
    """
    return (inverse(to_lidar2global) @ from_lidar2global).astype(np.float32)


def yaw_of(rotation: Matrix) -> float:
    """Angle of a rotation's x axis in the ground plane, counter-clockwise from +x, in rad."""
    return math.atan2(rotation[1, 0], rotation[0, 0])


def yaws_of(rotations: Matrix) -> NDArray[np.float64]:
    """(N,) as :func:`yaw_of`, of (N, 3, 3) or (N, 4, 4).

    To the last bit wherever the arrays lie: of columns that are not copied first numpy takes another arctan2 where it
    believes that the result overlaps them, as it does when the result lies just behind them in memory.
    """
    return np.arctan2(*rotations[:, 1::-1, 0].T.copy())


def upright_yaw(yaw: np.ndarray, frame2world: Matrix) -> np.ndarray:
    """Headings in the world of boxes that stand upright there, from their ``yaw_of`` in a tilted frame.

    Annotators' boxes stand upright in the world; infos, as mmdet3d's, keep their x axis's angle in the ground plane
    of the LiDAR frame, which a sloping road tilts by some degrees. The x axis is (cos, sin, 0) in the world, so its
    first two coordinates in the frame are a linear map of (cos, sin), and this is the inverse of it.

    Args:
        yaw: (N,) in the frame, counter-clockwise from +x, rad.
        frame2world: (3, 3) or (4, 4), tilted by less than 90 degrees.
    """
    heading = level_map(frame2world, np.eye(3)) @ [np.cos(yaw), np.sin(yaw)]
    return np.arctan2(heading[1], heading[0])


def level_map(from2world: Matrix, to2world: Matrix) -> Matrix:
    """Map (2, 2) of the first two coordinates of vectors that are level in the world, between two tilted frames.

    Headings and velocities of boxes are such vectors. Both frames ((3, 3) or (4, 4)) are tilted by less than 90
    degrees.
    """
    return to2world[:2, :2].T @ np.linalg.inv(from2world[:2, :2].T)


def move(motion: Matrix, points: np.ndarray) -> np.ndarray:
    """Apply a motion to the rows of (N, 3+) points; columns after the third are dropped. Keeps the dtype."""
    rotation = motion[:3, :3].astype(points.dtype)
    return points[:, :3] @ rotation.T + motion[:3, 3].astype(points.dtype)
