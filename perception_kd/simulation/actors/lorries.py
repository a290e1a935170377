"""Large road vehicles: trucks, trailers, buses."""

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.actors.cars import wheels
from perception_kd.simulation.mesh import Mesh, Surface, merge
from perception_kd.simulation.primitives import box, cylinder, loft

Size = tuple[float, float, float]


def truck_size(rng: np.random.Generator) -> tuple[Size, str]:
    """(length, width, height) in m and the kind of truck."""
    kind = str(rng.choice(['box', 'dump', 'tractor'], p=[0.5, 0.3, 0.2]))
    lengths = {'box': (6.4, 8.4), 'dump': (6.2, 7.6), 'tractor': (5.5, 6.3)}
    return (rng.uniform(*lengths[kind]), rng.uniform(2.35, 2.65), rng.uniform(2.55, 3.15)), kind


def build_truck(rng: np.random.Generator, size: Size, kind: str) -> Mesh:
    """Cab in front of a box, a tipper or nothing but the frame."""
    length, width, height = size
    cab = m.cargo_paint(rng)
    cab_length = 2.0
    front = length / 2
    parts = [_cab(front, cab_length, width, height if kind == 'tractor' else 0.88 * height, cab)]
    rear_length = length - cab_length - 0.15
    middle = -front + rear_length / 2
    parts.append(box((length - 0.4, 0.4 * width, 0.3), (-0.1, 0, 0.75), m.TRIM))
    if kind == 'box':
        load = m.cargo_paint(rng)
        parts.append(box((rear_length, width, height - 1.0), (middle, 0, 1.0 + (height - 1.0) / 2), load))
        parts.append(box((0.03, 0.05, height - 1.2), (-front - 0.01, 0, 1.0 + (height - 1.0) / 2), m.STEEL))
    elif kind == 'dump':
        parts.append(_tipper(middle, rear_length, width, height, m.cargo_paint(rng)))
    parts += _rear_lamps(-front, width)
    return merge(parts + wheels(size, 0.48, (-0.36, -0.2, 0.34) if length > 7 else (-0.3, 0.33), 0.3))


def _cab(front: float, length: float, width: float, height: float, paint: Surface) -> Mesh:
    """A cab-over-engine: sloped windscreen, side windows, bumper and lamps."""
    half = 0.49 * width
    body = loft(
        [
            (front - length, 0.5, height, half, 0.97 * half),
            (front - 0.35, 0.5, height, half, 0.95 * half),
            (front, 0.5, 0.58 * height, half, half),
        ],
        paint,
        tops=[paint, m.GLASS],
    )
    parts = [body, box((0.12, 0.98 * width, 0.35), (front, 0, 0.55), m.TRIM)]
    for side in (-1, 1):
        parts.append(
            box((0.9, 0.03, 0.26 * height), (front - 0.95, side * 0.484 * width, 0.74 * height), m.GLASS)
        )
        parts.append(box((0.05, 0.3, 0.16), (front + 0.06, side * 0.36 * width, 0.75), m.HEADLIGHT))
        parts.append(box((0.1, 0.14, 0.45), (front - 0.1, side * 0.5 * width, 0.75 * height), m.TRIM))
    parts.append(box((0.04, 0.6 * width, 0.22), (front + 0.01, 0, 0.42 * height), m.TRIM))
    return merge(parts)


def _tipper(middle: float, length: float, width: float, height: float, paint: Surface) -> Mesh:
    top = 0.8 * height
    tub = loft(
        [
            (middle - length / 2, 0.95, top, 0.42 * width, 0.5 * width),
            (middle + length / 2, 0.95, top, 0.42 * width, 0.5 * width),
        ],
        paint,
        tops=m.CONCRETE,
    )
    heap = loft(
        [
            (middle - 0.4 * length, top, top + 0.02, 0.4 * width, 0.4 * width),
            (middle, top, top + 0.4, 0.4 * width, 0.1 * width),
            (middle + 0.4 * length, top, top + 0.02, 0.4 * width, 0.4 * width),
        ],
        m.CONCRETE,
    )
    ribs = [
        box((0.1, width, top - 1.0), (middle + x * length, 0, (top + 1.0) / 2), m.tinted(paint, 0.6))
        for x in (-0.3, 0, 0.3)
    ]
    return merge([tub, heap, *ribs])


def _rear_lamps(rear: float, width: float) -> list[Mesh]:
    parts = [box((0.05, 0.35, 0.16), (rear, side * 0.38 * width, 0.85), m.TAILLIGHT) for side in (-1, 1)]
    return [
        *parts,
        box((0.04, 0.55, 0.13), (rear - 0.01, 0, 0.72), m.PLATE),
        box((0.1, 0.95 * width, 0.12), (rear + 0.04, 0, 0.6), m.STEEL),
    ]


def trailer_size(rng: np.random.Generator) -> tuple[Size, str]:
    """(length, width, height) in m and the kind of trailer."""
    kind = str(rng.choice(['container', 'tank', 'curtain'], p=[0.4, 0.2, 0.4]))
    return (rng.uniform(10.5, 13.5), rng.uniform(2.7, 3.0), rng.uniform(3.6, 4.1)), kind


def build_trailer(rng: np.random.Generator, size: Size, kind: str) -> Mesh:
    """A semi-trailer: three axles at the rear, landing legs in front."""
    length, width, height = size
    paint = m.cargo_paint(rng)
    parts = [box((length - 0.2, 0.9, 0.25), (0, 0, 1.05), m.TRIM)]
    if kind == 'tank':
        radius = (height - 1.2) / 2
        parts.append(
            cylinder((-length / 2, 0, height - radius), (length / 2, 0, height - radius), radius, paint, 14)
        )
    else:
        parts.append(box((length, width, height - 1.2), (0, 0, 1.2 + (height - 1.2) / 2), paint))
        step = 0.9 if kind == 'container' else 2.2
        parts += [
            box((0.08, width + 0.04, height - 1.3), (x, 0, 1.2 + (height - 1.2) / 2), m.tinted(paint, 0.72))
            for x in np.arange(-length / 2 + step, length / 2 - 0.3, step)
        ]
        parts.append(
            box(
                (length + 0.02, width + 0.02, 0.14), (0, 0, 1.2), m.RETRO_RED if kind == 'curtain' else m.TRIM
            )
        )
    for side in (-1, 1):
        parts.append(box((0.14, 0.14, 1.0), (0.3 * length, side * 0.35 * width, 0.55), m.STEEL))
    return merge(parts + _rear_lamps(-length / 2, width) + wheels(size, 0.5, (-0.4, -0.29, -0.18), 0.35))


def bus_size(rng: np.random.Generator) -> tuple[Size, str]:
    """(length, width, height) in m; the second value is unused."""
    return (rng.uniform(9.2, 11.8), rng.uniform(2.7, 3.0), rng.uniform(3.2, 3.6)), 'city'


def build_bus(rng: np.random.Generator, size: Size, _kind: str) -> Mesh:
    """A city bus: window band with posts, doors, destination board."""
    length, width, height = size
    paint, half = m.cargo_paint(rng), length / 2
    sill = 0.42 * height
    body = loft(
        [
            (-half, 0.35, height - 0.15, 0.47 * width, 0.46 * width),
            (-half + 0.2, 0.32, height, 0.495 * width, 0.47 * width),
            (half - 0.35, 0.32, height, 0.495 * width, 0.47 * width),
            (half, 0.35, height - 0.2, 0.48 * width, 0.45 * width),
        ],
        paint,
    )
    parts = [body]
    for side in (-1, 1):
        for x in np.arange(-half + 0.5, half - 1.6, 1.5):
            parts.append(
                box(
                    (1.36, 0.03, 0.38 * height),
                    (x + 0.68, side * 0.487 * width, sill + 0.21 * height),
                    m.BUS_GLASS,
                )
            )
        parts.append(
            box((length - 0.6, 0.02, 0.16), (0, side * 0.497 * width, 0.3 * height), m.tinted(paint, 0.45))
        )
        parts.append(box((0.05, 0.3, 0.18), (half, side * 0.34 * width, 0.85), m.HEADLIGHT))
    for x in (half - 1.2, -0.05 * length):
        parts.append(
            box((1.1, 0.04, 0.72 * height), (x, -0.49 * width, 0.12 * height + 0.36 * height), m.BUS_GLASS)
        )
    parts.append(box((0.06, 0.84 * width, 0.45 * height), (half - 0.01, 0, 0.58 * height), m.GLASS))
    parts.append(box((0.06, 0.62 * width, 0.1 * height), (half - 0.02, 0, 0.88 * height), m.BUS_BOARD))
    parts.append(box((0.06, 0.7 * width, 0.25 * height), (-half, 0, 0.72 * height), m.BUS_GLASS))
    return merge(parts + _rear_lamps(-half, width) + wheels(size, 0.48, (-0.28, 0.3), 0.3))
