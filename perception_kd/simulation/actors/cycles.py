"""Bicycles and motorcycles, with or without a rider (the box holds both, as in nuScenes)."""

from itertools import pairwise

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.actors.figure import Assembly, Figure
from perception_kd.simulation.actors.people import add_rider
from perception_kd.simulation.mesh import Mesh, Surface, merge
from perception_kd.simulation.primitives import ball, beam, box, cylinder, wheel

Size = tuple[float, float, float]

_WHEEL = 0.33
"""Radius of a bicycle's wheel in m."""


def bicycle_size(rng: np.random.Generator, ridden: bool) -> Size:
    """(length, width, height) in m; a rider adds height."""
    return (
        rng.uniform(1.6, 1.85),
        rng.uniform(0.55, 0.7),
        rng.uniform(1.6, 1.8) if ridden else rng.uniform(1.0, 1.15),
    )


def build_bicycle(rng: np.random.Generator, _size: Size, ridden: bool) -> Figure:
    """Two spoked wheels that roll, a diamond frame, handlebar, saddle."""
    paint = m.car_paint(rng)
    crank, saddle, head = (-0.05, 0, 0.3), (-0.25, 0, 0.88), (0.38, 0, 0.85)
    rear, front = (-0.52, 0, 0.34), (0.54, 0, 0.34)
    tubes = [(crank, saddle), (crank, head), ((-0.22, 0, 0.8), (0.38, 0, 0.8)), (rear, crank), (rear, saddle),
             (head, front)]  # fmt: skip
    parts = [cylinder(a, b, 0.024, paint, 6) for a, b in tubes]
    parts.append(cylinder((0.38, -0.29, 0.98), (0.38, 0.29, 0.98), 0.02, m.TRIM, 6))
    parts.append(cylinder((0.38, 0, 0.8), (0.38, 0, 0.98), 0.022, m.TRIM, 6))
    parts.append(box((0.26, 0.16, 0.06), (-0.26, 0, 0.92), m.TRIM))
    parts.append(box((0.02, 0.06, 0.06), (-0.45, 0, 0.72), m.RETRO_RED))
    body = Assembly()
    body.add(*parts)
    for hub in (rear, front):
        body.turn(body.add(_spoked_wheel(hub)), hub[0], hub[2], radius=_WHEEL)
    if ridden:
        add_rider(body, rng, (-0.24, 0, 0.94), (0.36, 1.0), (-0.05, 0.3), pedals=True)
    return body.figure()


def _spoked_wheel(hub: Size, radius: float = _WHEEL) -> Mesh:
    """A rim of twelve bars and three crossing spokes."""
    angle = 2 * np.pi * np.arange(13) / 12
    rim = np.asarray(hub) + radius * np.stack([np.cos(angle), 0 * angle, np.sin(angle)], 1)
    bars = [beam(a, b, 0.045, 0.045, m.TYRE) for a, b in pairwise(rim)]
    spokes = [beam(rim[i], rim[i + 6], 0.012, 0.012, m.STEEL) for i in (0, 2, 4)]
    return merge(bars + spokes)


def motorcycle_size(rng: np.random.Generator, ridden: bool) -> Size:
    """(length, width, height) in m; a rider adds height."""
    return (
        rng.uniform(1.95, 2.3),
        rng.uniform(0.7, 0.85),
        rng.uniform(1.6, 1.8) if ridden else rng.uniform(1.15, 1.35),
    )


def build_motorcycle(rng: np.random.Generator, _size: Size, ridden: bool) -> Figure:
    """Fat wheels, engine, tank, seat, fork, screen."""
    paint: Surface = m.car_paint(rng)
    parts = [
        wheel((-0.68, 0, 0.31), 0.31, 0.17, m.TYRE, m.RIM),
        wheel((0.72, 0, 0.31), 0.31, 0.13, m.TYRE, m.RIM),
    ]
    parts.append(box((0.55, 0.34, 0.42), (0.02, 0, 0.42), m.STEEL))
    parts.append(ball((0.18, 0, 0.8), (0.34, 0.17, 0.15), paint, 4, 8))
    parts.append(box((0.75, 0.27, 0.1), (-0.42, 0, 0.76), m.TRIM))
    parts.append(box((0.45, 0.22, 0.16), (-0.72, 0, 0.7), paint))
    for side in (-1, 1):
        parts.append(cylinder((0.42, side * 0.1, 0.98), (0.72, side * 0.1, 0.31), 0.035, m.STEEL, 6))
        parts.append(cylinder((-0.68, side * 0.14, 0.31), (0.0, side * 0.14, 0.4), 0.04, m.TRIM, 6))
        parts.append(beam((0.4, side * 0.36, 1.0), (0.42, side * 0.05, 1.0), 0.04, 0.04, m.TRIM))
        parts.append(box((0.05, 0.13, 0.09), (0.45, side * 0.32, 1.12), m.TRIM))
    parts.append(cylinder((-0.75, -0.22, 0.42), (-0.05, -0.2, 0.3), 0.06, m.RIM, 7))
    parts.append(ball((0.5, 0, 0.92), (0.1, 0.11, 0.11), m.HEADLIGHT, 3, 6))
    parts.append(beam((0.52, 0, 1.0), (0.4, 0, 1.22), 0.32, 0.02, m.GLASS))
    parts.append(box((0.06, 0.18, 0.08), (-0.95, 0, 0.7), m.TAILLIGHT))
    parts.append(box((0.02, 0.2, 0.14), (-0.98, 0, 0.55), m.PLATE))
    body = Assembly()
    body.add(*parts)
    if ridden:
        add_rider(body, rng, (-0.3, 0, 0.82), (0.4, 1.02), (-0.08, 0.35), pedals=False)
    return body.figure()
