"""A plain car for the place of the recording vehicle: 4.1 m long, rear axle at the origin, as nuScenes has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.palette import Colour
from perception_kd.visualization.view3d.primitives import Mesh
from perception_kd.visualization.view3d.shapes import lit, quads

Array = NDArray[np.float64]
# Cross-sections from rear to front: x, half width, lower and upper edge (m).
_BODY = np.array([
    (-0.92, 0.74, 0.42, 0.86), (-0.78, 0.86, 0.30, 0.98), (-0.30, 0.89, 0.26, 1.00), (1.95, 0.89, 0.26, 0.97),
    (2.70, 0.86, 0.26, 0.88), (3.02, 0.80, 0.30, 0.78), (3.18, 0.66, 0.40, 0.64),
])  # fmt: skip
# The cabin's glass, from its foot on the body to the roof: x, half width, height.
_GLASS_FOOT = np.array([(-0.74, 0.78, 0.97), (2.00, 0.80, 0.96)])
_ROOF = np.array([(-0.30, 0.60, 1.47), (1.12, 0.62, 1.50)])
_WHEELS = [(0.0, 0.78), (0.0, -0.78), (2.58, 0.78), (2.58, -0.78)]
_WHEEL_RADIUS, _WHEEL_WIDTH = 0.33, 0.24


def vehicle(paint: Colour, glass: Colour, tyre: Colour) -> Mesh:
    """The car in its own frame (x ahead, y left, z up)."""
    parts = [(_body(), paint), (_cabin(), glass), (_roof(), paint), (_wheels(), tyre)]
    triangles = np.concatenate([part for part, _ in parts])
    colours = np.concatenate([np.tile(colour, (len(part), 1)) for part, colour in parts])
    return Mesh('vehicle', triangles, lit(triangles, colours))


def _body() -> Array:
    """A tube through the cross-sections, closed at both ends; corners counter-clockwise from outside."""
    x, half, low, high = _BODY.T
    rings = np.stack([np.stack([x, half, low], 1), np.stack([x, half, high], 1),
                      np.stack([x, -half, high], 1), np.stack([x, -half, low], 1)], axis=1)
    sides = [(rings[i, k], rings[i, (k + 1) % 4], rings[i + 1, (k + 1) % 4], rings[i + 1, k])
             for i in range(len(x) - 1) for k in range(4)]
    faces = np.array([*sides, rings[0, ::-1], rings[-1]])
    return quads(faces)


def _corners(edge: Array) -> Array:
    """Rear left, front left, front right, rear right of a level outline (2, 3): x, half width, height."""
    (rear, wide, low), (front, narrow, high) = edge
    return np.array([(rear, wide, low), (front, narrow, high), (front, -narrow, high), (rear, -wide, low)])


def _cabin() -> Array:
    foot, top = _corners(_GLASS_FOOT), _corners(_ROOF)
    return quads(np.array([(foot[(k + 1) % 4], foot[k], top[k], top[(k + 1) % 4]) for k in range(4)]))


def _roof() -> Array:
    return quads(_corners(_ROOF)[None, ::-1])


def _wheels(pieces: int = 14) -> Array:
    angles = np.linspace(0, 2 * np.pi, pieces + 1)
    rim = _WHEEL_RADIUS * np.stack([np.cos(angles), np.zeros_like(angles), np.sin(angles)], axis=1)
    parts = []
    for x, y in _WHEELS:
        hub = np.array([x, y, _WHEEL_RADIUS])
        left, right = rim + hub + (0, _WHEEL_WIDTH / 2, 0), rim + hub - (0, _WHEEL_WIDTH / 2, 0)
        parts.append(quads(np.stack([left[1:], left[:-1], right[:-1], right[1:]], axis=1)))
        for face, turn in ((left, -1), (right, 1)):
            centre = np.broadcast_to(face[:-1].mean(0), face[:-1].shape)
            parts.append(np.stack([centre, face[:-1], face[1:]][::turn], axis=1))
    return np.concatenate(parts)
