"""Construction vehicles: excavator, wheel loader, road roller."""

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.actors.cars import wheels
from perception_kd.simulation.mesh import Mesh, Surface, merge
from perception_kd.simulation.primitives import beam, box, cylinder, loft

Size = tuple[float, float, float]


def machine_size(rng: np.random.Generator) -> tuple[Size, str]:
    """(length, width, height) in m and the kind of machine."""
    kind = str(rng.choice(['excavator', 'loader', 'roller'], p=[0.45, 0.35, 0.2]))
    length = {'excavator': (6.5, 8.0), 'loader': (6.0, 7.2), 'roller': (4.6, 5.4)}[kind]
    return (rng.uniform(*length), rng.uniform(2.6, 3.05), rng.uniform(2.95, 3.4)), kind


def build_machine(rng: np.random.Generator, size: Size, kind: str) -> Mesh:
    """The machine around the origin, tool towards +x."""
    builders = {'excavator': _excavator, 'loader': _loader, 'roller': _roller}
    return merge(builders[kind](m.machine_paint(rng), *size))


def _cabin(
    centre: tuple[float, float], size: tuple[float, float], low: float, high: float, paint: Surface
) -> list:
    """Glass box between four posts, painted roof."""
    x, y = centre
    length, width = size
    parts = [
        box((length, width, high - low - 0.1), (x, y, (low + high) / 2 - 0.05), m.GLASS),
        box((length + 0.12, width + 0.12, 0.1), (x, y, high - 0.05), paint),
        box((length + 0.04, width + 0.04, 0.35 * (high - low)), (x, y, low + 0.175 * (high - low)), paint),
    ]
    return parts + [
        box((0.1, 0.1, high - low), (x + a * length / 2, y + b * width / 2, (low + high) / 2), paint)
        for a in (-1, 1)
        for b in (-1, 1)
    ]


def _excavator(paint: Surface, length: float, width: float, height: float) -> list[Mesh]:
    rear = -length / 2
    base = rear + 0.26 * length
    parts = []
    for side in (-1, 1):
        y = side * 0.38 * width
        parts.append(
            loft(
                [
                    (base - 1.7, 0.25, 0.6, 0.25, 0.25),
                    (base - 1.4, 0.0, 0.85, 0.25, 0.25),
                    (base + 1.4, 0.0, 0.85, 0.25, 0.25),
                    (base + 1.7, 0.25, 0.6, 0.25, 0.25),
                ],
                m.TRIM,
            ).moved(np.eye(3), (0, y, 0))
        )
    parts.append(cylinder((base, 0, 0.6), (base, 0, 1.1), 0.6, m.STEEL, 12))
    parts.append(box((2.9, 0.92 * width, 0.55), (base, 0, 1.35), paint))
    parts.append(
        loft(
            [
                (rear, 1.1, 1.9, 0.44 * width, 0.42 * width),
                (base + 0.1, 1.1, 2.05, 0.46 * width, 0.42 * width),
            ],
            paint,
        )
    )
    parts += _cabin((base + 0.85, 0.26 * width), (1.3, 0.9), 1.6, height, paint)
    elbow, wrist = (0.18 * length, -0.1, height - 0.2), (length / 2 - 0.5, -0.1, 1.1)
    parts.append(beam((base + 1.2, -0.1, 1.5), elbow, 0.35, 0.45, paint))
    parts.append(beam(elbow, wrist, 0.28, 0.32, paint))
    parts.append(beam((base + 1.3, -0.1, 2.0), (0.1 * length, -0.1, height - 0.5), 0.14, 0.14, m.STEEL))
    parts.append(loft([(length / 2 - 0.9, 0.3, 1.1, 0.5, 0.5), (length / 2, 0.5, 0.8, 0.5, 0.5)], m.STEEL))
    return parts


def _loader(paint: Surface, length: float, width: float, height: float) -> list[Mesh]:
    front, size = length / 2, (length, width, height)
    parts = [
        loft(
            [
                (-front, 0.7, 1.7, 0.36 * width, 0.33 * width),
                (-0.05 * length, 0.7, 1.9, 0.38 * width, 0.34 * width),
                (0.12 * length, 0.6, 1.5, 0.3 * width, 0.3 * width),
            ],
            paint,
        )
    ]
    parts.append(box((0.3 * length, 0.5 * width, 0.7), (0.17 * length, 0, 1.0), paint))
    parts += _cabin((0.02 * length, 0), (1.4, 1.4), 1.5, height, paint)
    for side in (-1, 1):
        parts.append(
            beam(
                (0.1 * length, side * 0.25 * width, 1.7),
                (front - 0.9, side * 0.25 * width, 0.8),
                0.2,
                0.35,
                paint,
            )
        )
    parts.append(
        loft(
            [
                (front - 1.1, 0.15, 1.2, 0.5 * width, 0.5 * width),
                (front, 0.1, 0.35, 0.5 * width, 0.5 * width),
            ],
            m.STEEL,
        )
    )
    return parts + wheels(size, 0.75, (-0.3, 0.2), 0.5)


def _roller(paint: Surface, length: float, width: float, height: float) -> list[Mesh]:
    front = length / 2
    drum = cylinder(
        (front - 0.75, -0.46 * width, 0.75), (front - 0.75, 0.46 * width, 0.75), 0.75, m.STEEL, 18
    )
    parts = [
        drum,
        loft(
            [
                (-front, 0.6, 1.4, 0.36 * width, 0.33 * width),
                (0.1 * length, 0.6, 1.6, 0.38 * width, 0.34 * width),
            ],
            paint,
        ),
    ]
    for side in (-1, 1):
        parts.append(box((1.7, 0.1, 0.3), (front - 1.0, side * 0.48 * width, 0.8), paint))
    parts += _cabin((-0.02 * length, 0), (1.4, 1.5), 1.4, height, paint)
    return parts + wheels((length, 0.9 * width, height), 0.7, (-0.3,), 0.5)
