"""Passenger cars: sedan, hatchback, sport utility vehicle and van."""

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.mesh import Mesh, Surface, merge
from perception_kd.simulation.primitives import box, cylinder, loft, wheel

# Cabin of each body, as fractions of length (from the middle, front positive) and of height.
_CABINS = {
    'sedan': ((-0.40, 0.58), (-0.24, 0.99), (0.04, 1.0), (0.22, 0.57)),
    'hatchback': ((-0.49, 0.60), (-0.38, 0.98), (0.06, 1.0), (0.25, 0.57)),
    'suv': ((-0.495, 0.62), (-0.43, 0.99), (0.08, 1.0), (0.22, 0.60)),
    'van': ((-0.499, 0.58), (-0.48, 0.99), (0.22, 1.0), (0.38, 0.58)),
}
_HALF_ROOF = {'sedan': 0.36, 'hatchback': 0.37, 'suv': 0.40, 'van': 0.43}
"""Half width of the roof, as a fraction of the width."""
_HEIGHTS = {'sedan': (1.46, 1.6), 'hatchback': (1.5, 1.66), 'suv': (1.72, 1.95), 'van': (1.85, 2.2)}
_LENGTHS = {'sedan': (4.45, 5.0), 'hatchback': (3.9, 4.5), 'suv': (4.4, 4.95), 'van': (4.6, 5.3)}


def car_size(rng: np.random.Generator) -> tuple[tuple[float, float, float], str]:
    """(length, width, height) in m and the body's name."""
    body = str(rng.choice(list(_CABINS), p=[0.28, 0.22, 0.34, 0.16]))
    return (rng.uniform(*_LENGTHS[body]), rng.uniform(1.86, 2.06), rng.uniform(*_HEIGHTS[body])), body


def build_car(rng: np.random.Generator, size: tuple[float, float, float], body: str) -> Mesh:
    """A car around the origin, front towards +x, wheels on z = 0."""
    length, width, height = size
    paint = m.car_paint(rng)
    belt = _CABINS[body][-1][1]
    hull = [
        (-0.50, 0.24, belt - 0.10, 0.43, 0.41),
        (-0.475, 0.17, belt, 0.49, 0.46),
        (-0.30, 0.16, belt + 0.01, 0.50, 0.47),
        (0.18, 0.16, belt, 0.50, 0.47),
        (0.43, 0.16, belt - 0.09, 0.49, 0.43),
        (0.50, 0.20, belt - 0.16, 0.41, 0.38),
    ]
    return merge(
        [
            loft(_scaled(hull, size), paint),
            _cabin(size, body, paint),
            box((0.96 * length, 0.9 * width, 0.06 * height), (0, 0, 0.16 * height), m.TRIM),
            *_pillars(size, body, paint),
            *_lamps(size, belt),
            *wheels(size, 0.33, (-0.29, 0.31)),
        ]
    )


def _scaled(stations: list, size: tuple[float, float, float]) -> list:
    length, width, height = size
    return [
        (x * length, low * height, high * height, a * width, b * width) for x, low, high, a, b in stations
    ]


def _cabin(size: tuple[float, float, float], body: str, paint: Surface) -> Mesh:
    belt = _CABINS[body][-1][1] - 0.04
    half_top = _HALF_ROOF[body]
    (x0, z0), (x1, z1), (x2, z2), (x3, z3) = _CABINS[body]
    stations = [
        (x0, belt, z0, 0.455, 0.45),
        (x1, belt, z1, 0.46, half_top),
        (x2, belt, z2, 0.46, half_top),
        (x3, belt, z3, 0.455, 0.45),
    ]
    return loft(_scaled(stations, size), m.GLASS, tops=[m.GLASS, paint, m.GLASS], sides=m.GLASS)


def _pillars(size: tuple[float, float, float], body: str, paint: Surface) -> list[Mesh]:
    """Thin painted frames over the side glass: the middle pillar, and the rear wall of a van."""
    low, rear, front = _CABINS[body][-1][1] - 0.02, _CABINS[body][1][0], _CABINS[body][2][0]
    middle, half_top = (rear + front) / 2, _HALF_ROOF[body] + 0.006
    spots = [(middle - 0.02, middle + 0.005)]
    if body in ('van', 'suv'):
        spots.append((rear, rear + (0.22 if body == 'van' else 0.05)))
    frames = [[(x, low, 0.985, 0.468, half_top) for x in spot] for spot in spots]
    return [loft(_scaled(frame, size), paint) for frame in frames]


def _lamps(size: tuple[float, float, float], belt: float) -> list[Mesh]:
    length, width, height = size
    parts = []
    for side in (-1, 1):
        y = side * 0.34 * width
        parts.append(
            box(
                (0.06 * length, 0.18 * width, 0.07 * height),
                (0.465 * length, y, (belt - 0.18) * height),
                m.HEADLIGHT,
            )
        )
        parts.append(
            box(
                (0.04 * length, 0.16 * width, 0.09 * height),
                (-0.483 * length, y, (belt - 0.10) * height),
                m.TAILLIGHT,
            )
        )
        parts.append(
            box(
                (0.18, 0.12 * width, 0.08 * height),
                (0.19 * length, side * 0.50 * width, (belt + 0.04) * height),
                m.TRIM,
            )
        )
    parts.append(box((0.02, 0.5, 0.11), (-0.5 * length - 0.01, 0, 0.32 * height), m.PLATE))
    parts.append(box((0.02, 0.5, 0.11), (0.5 * length + 0.01, 0, 0.28 * height), m.PLATE))
    parts.append(
        box((0.03, 0.34 * width, 0.09 * height), (0.498 * length, 0, (belt - 0.24) * height), m.TRIM)
    )
    return parts


def wheels(
    size: tuple[float, float, float], radius: float, axles: tuple[float, ...], tyre_width: float = 0.22
) -> list[Mesh]:
    """Left and right wheels at ``axles`` (fractions of the length), flush with the sides, in dark arches."""
    length, width, _ = size
    parts = []
    for x in axles:
        for side in (-1, 1):
            y = side * (width / 2 - tyre_width / 2 + 0.02)
            parts.append(wheel((x * length, y, radius), radius, tyre_width, m.TYRE, m.RIM))
            outer, arch = side * (width / 2 + 0.008), 1.13 * radius
            parts.append(
                cylinder(
                    (x * length, 0.8 * outer, radius * 1.13),
                    (x * length, outer, radius * 1.13),
                    arch,
                    m.TRIM,
                    14,
                )
            )
    return parts
