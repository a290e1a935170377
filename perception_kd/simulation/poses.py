"""Rotations and rigid transforms. Quaternions are (w, x, y, z)."""

import numpy as np


def yaw_matrix(yaw: float) -> np.ndarray:
    """(3, 3) rotation by ``yaw`` rad about z."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def rigid(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """(4, 4) of p -> rotation p + translation."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, translation
    return matrix


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """(3, 3) rotation -> unit quaternion (4,) with w >= 0 (Shepperd's method: divide by the largest part)."""
    m = np.asarray(rotation, float)
    squares = np.array([1 + m[0, 0] + m[1, 1] + m[2, 2], 1 + m[0, 0] - m[1, 1] - m[2, 2],
                        1 - m[0, 0] + m[1, 1] - m[2, 2], 1 - m[0, 0] - m[1, 1] + m[2, 2]])  # fmt: skip
    table = np.array([
        [squares[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
        [m[2, 1] - m[1, 2], squares[1], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
        [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], squares[2], m[1, 2] + m[2, 1]],
        [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], squares[3]],
    ])  # fmt: skip
    row = table[int(np.argmax(squares))]
    return row / np.linalg.norm(row) * (1 if row[0] >= 0 else -1)


def rotate(points: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Points (N, 3) after p -> rotation (3, 3) p, in the points' precision.

    Written out, since the last bit of a matrix product may depend on the number of threads.
    """
    matrix = np.asarray(rotation, points.dtype)
    return points[:, :1] * matrix[:, 0] + points[:, 1:2] * matrix[:, 1] + points[:, 2:3] * matrix[:, 2]


def dot(vectors: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Row-wise inner products (N,) of (N, 3) with (3,) or (N, 3), in the vectors' precision."""
    other = np.asarray(other, vectors.dtype)
    return vectors[:, 0] * other[..., 0] + vectors[:, 1] * other[..., 1] + vectors[:, 2] * other[..., 2]


def turn(planes: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """As ``rotate``, for vectors (3, N)."""
    matrix = np.asarray(rotation, planes.dtype)
    x, y, z = planes
    return np.stack([row[0] * x + row[1] * y + row[2] * z for row in matrix])


def inner(planes: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Inner products (N,) of (3, N) with (3,) or (3, N), in the vectors' precision."""
    x, y, z = np.asarray(other, planes.dtype)
    return planes[0] * x + planes[1] * y + planes[2] * z
