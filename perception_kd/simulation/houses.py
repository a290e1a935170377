"""Rows of houses along the streets, and a far ring that closes the view."""

from collections.abc import Iterator

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.mesh import Mesh, merge
from perception_kd.simulation.poses import yaw_matrix
from perception_kd.simulation.primitives import box
from perception_kd.simulation.road import CORNER, SIDE_KERB, SIDE_REACH, Road

STREET_SETBACK, LOT_SETBACK = 14.6, 32.0
"""Offset of the house fronts beside the pavement, and behind an open lot."""
_SIDE_SETBACK = SIDE_KERB + CORNER + 0.8
_DEEPEST = 14.0


def houses(road: Road, lots: set[int], rng: np.random.Generator) -> Mesh:
    """Both sides of the road and of its side street, the ends of both, and the ring."""
    parts = []
    for side in (-1, 1):
        setback = LOT_SETBACK if side in lots else STREET_SETBACK
        parts += _row(road, side, setback, (road.start + 10, road.end - 10), _gap(road, side, setback), rng)
        if road.mouth is not None:
            street = road.side_street()
            near = setback + _DEEPEST + _SIDE_SETBACK**2 * abs(road.curvature)
            reach = sorted((side * near, side * (SIDE_REACH + 12)))
            for edge in (-1, 1):
                parts += _row(street, edge, _SIDE_SETBACK, reach, None, rng)
            parts.append(_across(street, side * (SIDE_REACH + 7), rng))
    parts += [_across(road, s, rng) for s in (road.start - 4, road.end + 4)]
    return merge([*parts, *_ring(road, rng)])


def _gap(road: Road, side: int, setback: float) -> tuple[float, float] | None:
    """Range of s that a row leaves free for the side street."""
    if road.mouth is None:
        return None
    offsets = side * setback, side * (setback + _DEEPEST)
    return (
        min(road.cut(d, -_SIDE_SETBACK) for d in offsets),
        max(road.cut(d, _SIDE_SETBACK) for d in offsets),
    )


def _row(
    road: Road, side: int, setback: float, reach: tuple[float, float], gap: tuple[float, float] | None,
    rng: np.random.Generator,
) -> Iterator[Mesh]:  # fmt: skip
    s, end = reach
    while s < end:
        width = rng.uniform(10, 20)
        if gap and s < gap[1] and s + width > gap[0]:
            if gap[0] - s > 5:
                yield _house(road, (s + gap[0]) / 2, side, setback, gap[0] - s, rng)
            s = gap[1]
            continue
        yield _house(road, s + width / 2, side, setback + rng.uniform(0, 1.0), width, rng)
        s += width + (rng.uniform(2, 7) if rng.random() < 0.35 else 0.05)


def _house(road: Road, s: float, side: int, setback: float, width: float, rng: np.random.Generator) -> Mesh:
    depth = rng.uniform(9, 13)
    x, y, heading = road.to_world(s, side * (setback + depth / 2))
    # On the inside of a bend the back of a row is shorter than its front; a narrower house leaves no overlap.
    squeeze = min(1.0, 1 - road.curvature * side * setback)
    block = _block((width * squeeze, depth, float(rng.uniform(6.5, 19))), rng)
    return block.moved(yaw_matrix(float(heading)), (float(x), float(y), 0.0))


def _across(road: Road, s: float, rng: np.random.Generator) -> Mesh:
    """A house that ends a street."""
    x, y, heading = road.to_world(s, 0)
    block = _block((8.0, rng.uniform(44, 60), rng.uniform(9, 16)), rng)
    return block.moved(yaw_matrix(float(heading)), (float(x), float(y), 0.0))


def _ring(road: Road, rng: np.random.Generator) -> Iterator[Mesh]:
    middle = road.to_world((road.start + road.end) / 2, 0)
    radius = max(190.0, (road.end - road.start) / 2 + 60)
    for angle in np.arange(0, 2 * np.pi, 50 / radius):
        centre = np.array([*middle[:2], 0]) + radius * np.array([np.cos(angle), np.sin(angle), 0])
        block = _block((24, rng.uniform(36, 48), rng.uniform(9, 30)), rng)
        yield block.moved(yaw_matrix(angle), centre)


def _block(size: tuple[float, float, float], rng: np.random.Generator) -> Mesh:
    """Walls with windows, a roof slab that juts out, a plinth."""
    wall = m.facade(rng)
    length, width, height = size
    parts = [
        box((length, width, height), (0, 0, height / 2), wall, top=m.ASPHALT),
        box((length + 0.3, width + 0.5, 0.35), (0, 0, height), m.tinted(m.CONCRETE, rng.uniform(0.6, 1.3))),
        box((length + 0.04, width + 0.08, 1.1), (0, 0, 0.55), m.tinted(m.CONCRETE, rng.uniform(0.5, 1.0))),
    ]
    return merge(parts)
