"""Triangles of simple bodies, with light from above painted onto their faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.palette import Colour

Array = NDArray[np.float64]
_LIGHT = np.array([-0.35, -0.45, 0.82])
_OCTAHEDRON = np.array([
    [(1, 0, 0), (0, 1, 0), (0, 0, 1)], [(0, 1, 0), (-1, 0, 0), (0, 0, 1)],
    [(-1, 0, 0), (0, -1, 0), (0, 0, 1)], [(0, -1, 0), (1, 0, 0), (0, 0, 1)],
    [(0, 1, 0), (1, 0, 0), (0, 0, -1)], [(-1, 0, 0), (0, 1, 0), (0, 0, -1)],
    [(0, -1, 0), (-1, 0, 0), (0, 0, -1)], [(1, 0, 0), (0, -1, 0), (0, 0, -1)],
], np.float64)  # fmt: skip


def mix(colours: Array | Colour, other: Array | Colour, share: Array | float) -> Array:
    """Colours (..., 3) with a ``share`` (..., 1) or number of another colour."""
    return np.asarray(colours, np.float64) * (1 - share) + np.asarray(other, np.float64) * share


def lit(triangles: Array, colours: Array, *, ambient: float = 0.62) -> Array:
    """Colours (T, 3) of triangles (T, 3, 3) under one lamp; normals point out where corners run counter-clockwise."""
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    light = ambient + (1 - ambient) * 1.25 * np.clip(normals @ _LIGHT, 0, 1)
    return np.clip(colours * light[:, None], 0, 1)


def quads(corners: Array) -> Array:
    """Quadrangles (Q, 4, 3), corners in order, as triangles (2 Q, 3, 3)."""
    return np.asarray(corners, np.float64)[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 3)


def diamonds(centres: Array, size: float) -> Array:
    """Octahedra of half height ``size`` (m) around centres (N, 3), as triangles (8 N, 3, 3)."""
    return (centres[:, None, None] + size * _OCTAHEDRON).reshape(-1, 3, 3)


def circle(radius: float, pieces: int) -> Array:
    """A circle on the ground around the origin as lines (pieces, 2, 3)."""
    angles = np.linspace(0, 2 * np.pi, pieces + 1)
    points = np.stack([radius * np.cos(angles), radius * np.sin(angles), np.zeros_like(angles)], axis=1)
    return np.stack([points[:-1], points[1:]], axis=1)


def arrows(starts: Array, motions: Array, *, head: float) -> tuple[Array, Array]:
    """Flat arrows: shafts (N, 2, 3) and heads as triangles (N, 3, 3).

    Args:
        starts: (N, 3), m.
        motions: (N, 2) from start to tip on the ground, m; none is zero.
        head: Length of the head, m; shorter where the arrow is.
    """
    length = np.linalg.norm(motions, axis=1, keepdims=True)
    ahead = np.concatenate([motions / length, np.zeros((len(motions), 1))], axis=1)
    side = np.stack([-ahead[:, 1], ahead[:, 0], ahead[:, 2]], axis=1)
    tips, reach = starts + length * ahead, np.minimum(head, 0.5 * length)
    neck = tips - reach * ahead
    heads = np.stack([tips, neck + 0.42 * reach * side, neck - 0.42 * reach * side], axis=1)
    return np.stack([starts, neck], axis=1), heads
