"""The building blocks of everything in the world: boxes, lofts, cylinders, beams, balls, strips."""

from collections.abc import Sequence

import numpy as np

from perception_kd.simulation.mesh import Mesh, Surface, from_quads, merge

Station = tuple[float, float, float, float, float]
"""A cross-section of a loft: x, z_low, z_high, half width low, half width high (m)."""


def quads(corners: Sequence[Sequence], surface: Surface) -> Mesh:
    """Quads (Q, 4, 3), counter-clockwise from outside; u runs from their first corner to the second, v from the
    first to the fourth, in metres."""
    points = np.array(corners, np.float32)
    uv = np.zeros((len(points), 4, 2), np.float32)
    uv[:, [1, 2], 0] = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)[:, None]
    uv[:, [2, 3], 1] = np.linalg.norm(points[:, 3] - points[:, 0], axis=1)[:, None]
    return from_quads(points, uv, surface)


def box(size: Sequence[float], centre: Sequence[float], surface: Surface, top: Surface | None = None) -> Mesh:
    """Axis-aligned box of ``size`` (x, y, z) around ``centre``; the roof may have a surface of its own."""
    x, y, z = size
    stations = [(-x / 2, -z / 2, z / 2, y / 2, y / 2), (x / 2, -z / 2, z / 2, y / 2, y / 2)]
    return loft(stations, surface, tops=top).moved(np.eye(3), np.asarray(centre))


def loft(
    stations: Sequence[Station],
    surface: Surface,
    tops: Surface | Sequence[Surface] | None = None,
    sides: Surface | None = None,
) -> Mesh:
    """A hull through cross-sections of growing x, closed at both ends.

    Args:
        stations: At least two cross-sections.
        surface: Ends, bottom and whatever is not named below.
        tops: One surface for the top, or one for each stretch between stations.
        sides: Surface of left and right.
    """
    tops = list(tops) if isinstance(tops, Sequence) else [tops or surface] * (len(stations) - 1)
    rings = [_ring(station) for station in stations]
    back, front = rings[0], rings[-1]
    faces: dict[Surface, list] = {surface: [back, front[[1, 0, 3, 2]]]}
    for near, far, top in zip(rings[:-1], rings[1:], tops):
        right, left = (near[1], far[1], far[2], near[2]), (far[0], near[0], near[3], far[3])
        faces.setdefault(sides or surface, []).extend((right, left))
        faces.setdefault(top, []).append((near[2], far[2], far[3], near[3]))
        faces[surface].append((near[0], far[0], far[1], near[1]))
    return merge(quads(corners, kind) for kind, corners in faces.items())


def _ring(station: Station) -> np.ndarray:
    """Left low, right low, right high, left high."""
    x, low, high, half_low, half_high = station
    return np.array([(x, half_low, low), (x, -half_low, low), (x, -half_high, high), (x, half_high, high)])


def cylinder(
    start: Sequence[float],
    end: Sequence[float],
    radii: float | tuple[float, float],
    surface: Surface,
    segments: int = 10,
    cap: Surface | None = None,
) -> Mesh:
    """A (tapered) cylinder from ``start`` to ``end``, closed; ``cap`` is the surface of both ends."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    first, last = (radii, radii) if np.isscalar(radii) else radii
    _, side, other = _frame(end - start)
    angle = 2 * np.pi * np.arange(segments + 1) / segments
    circle = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * other
    low, high = start + first * circle, end + last * circle
    corners = np.stack([low[:-1], low[1:], high[1:], high[:-1]], 1)
    length, radius = np.linalg.norm(end - start), max(first, last)
    u0, u1, zero = angle[:-1] * radius, angle[1:] * radius, np.zeros(segments)
    uv = np.stack([np.stack(pair, -1) for pair in ((u0, zero), (u1, zero), (u1, zero + length),
                                                   (u0, zero + length))], 1)  # fmt: skip
    return merge(
        [
            from_quads(corners, uv, surface),
            _disc(low, start, cap or surface, flip=True),
            _disc(high, end, cap or surface, flip=False),
        ]
    )


def _frame(direction: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A right-handed frame whose first axis is ``direction``."""
    along = direction / np.linalg.norm(direction)
    upright = np.array([0.0, 0, 1]) if abs(along[2]) < 0.9 else np.array([1.0, 0, 0])
    side = np.cross(upright, along)
    side /= np.linalg.norm(side)
    return along, side, np.cross(along, side)


def _disc(rim: np.ndarray, centre: np.ndarray, surface: Surface, flip: bool) -> Mesh:
    count = len(rim) - 1
    vertices = np.concatenate([rim[:-1], centre[None]]).astype(np.float32)
    index = np.arange(count)
    edge = [index, (index + 1) % count]
    triangles = np.stack([*(edge[::-1] if flip else edge), np.full(count, count)], 1).astype(np.uint32)
    return Mesh(vertices, triangles, np.zeros((count, 3, 2), np.float32), surface.rows(count))


def beam(start: Sequence[float], end: Sequence[float], width: float, height: float, surface: Surface) -> Mesh:
    """A straight bar of rectangular section (``width`` sideways, ``height`` across)."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    along, side, other = _frame(end - start)
    bar = box((np.linalg.norm(end - start), width, height), (0, 0, 0), surface)
    return bar.moved(np.stack([along, side, other], 1), (start + end) / 2)


def ball(
    centre: Sequence[float],
    radii: float | Sequence[float],
    surface: Surface,
    rings: int = 5,
    segments: int = 8,
) -> Mesh:
    """An ellipsoid with half axes ``radii``."""
    polar = np.linspace(0, np.pi, rings + 1)
    angle = 2 * np.pi * np.arange(segments + 1) / segments
    grid = np.stack([np.sin(polar)[:, None] * np.cos(angle), np.sin(polar)[:, None] * np.sin(angle),
                     np.cos(polar)[:, None] + 0 * angle], -1)  # fmt: skip
    points = np.asarray(centre) + grid * radii
    corners = np.stack([points[1:, :-1], points[1:, 1:], points[:-1, 1:], points[:-1, :-1]], 2)
    scale = float(np.max(radii))
    u, v = np.meshgrid(angle * scale, polar * scale)
    plane = np.stack([u, v], -1)
    uv = np.stack([plane[1:, :-1], plane[1:, 1:], plane[:-1, 1:], plane[:-1, :-1]], 2)
    return from_quads(corners.reshape(-1, 4, 3), uv.reshape(-1, 4, 2), surface)


def strip(
    left: np.ndarray, right: np.ndarray, uv_left: np.ndarray, uv_right: np.ndarray, surface: Surface
) -> Mesh:
    """A ribbon between two lines (N, 3), facing up where ``left`` lies left of the direction of travel."""
    corners = np.stack([right[:-1], right[1:], left[1:], left[:-1]], 1)
    uv = np.stack([uv_right[:-1], uv_right[1:], uv_left[1:], uv_left[:-1]], 1)
    return from_quads(corners, uv, surface)


def wheel(centre: Sequence[float], radius: float, width: float, tyre: Surface, rim: Surface) -> Mesh:
    """A wheel whose axle is the y axis; the rim stands out by a centimetre on both sides."""
    x, y, z = centre
    half = width / 2
    return merge(
        [
            cylinder((x, y - half, z), (x, y + half, z), radius, tyre, 16),
            cylinder((x, y - half - 0.01, z), (x, y + half + 0.01, z), 0.6 * radius, rim, 8),
        ]
    )
