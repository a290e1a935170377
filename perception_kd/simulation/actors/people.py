"""Pedestrians, and the riders of two-wheelers."""

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.mesh import Mesh, Surface, merge
from perception_kd.simulation.primitives import ball, box, cylinder

Size = tuple[float, float, float]


def person_size(rng: np.random.Generator, kind: str) -> Size:
    """(length, width, height) in m of an adult, a child or a worker."""
    height = rng.uniform(1.15, 1.4) if kind == 'child' else rng.uniform(1.58, 1.9)
    return 0.33 * height + rng.uniform(0.05, 0.2), 0.37 * height + rng.uniform(0, 0.08), height


def build_person(rng: np.random.Generator, size: Size, kind: str) -> Mesh:
    """A person in mid-stride facing +x; ``kind`` is adult, child or worker."""
    height = size[2]
    trousers = m.cloth(rng)
    jacket = m.VEST if kind == 'worker' else m.cloth(rng)
    stride = rng.uniform(0.03, 0.13) * height
    hip, shoulder = 0.5 * height, 0.82 * height
    parts = [_leg(side, side * stride, hip, height, trousers) for side in (-1, 1)]
    parts.append(
        cylinder(
            (0, 0, hip - 0.03 * height), (0, 0, shoulder), (0.075 * height, 0.098 * height), jacket, 8
        ).moved(np.diag([0.8, 1.2, 1]), np.zeros(3))
    )
    for side in (-1, 1):
        top = (0, side * 0.135 * height, shoulder - 0.01 * height)
        hand = (-side * stride * 0.9, side * 0.165 * height, hip - 0.04 * height)
        parts.append(cylinder(top, hand, (0.036 * height, 0.024 * height), jacket, 6))
        parts.append(ball(hand, 0.028 * height, m.SKIN, 3, 5))
    parts += _head(0.0, shoulder, height, m.HELMET if kind == 'worker' else m.HAIR)
    if kind == 'adult' and rng.random() < 0.3:
        parts.append(
            box(
                (0.09 * height, 0.15 * height, 0.22 * height), (-0.12 * height, 0, 0.7 * height), m.cloth(rng)
            )
        )
    return merge(parts)


def _leg(side: int, reach: float, hip: float, height: float, cloth: Surface) -> Mesh:
    y = side * 0.055 * height
    foot = (reach, y, 0.03 * height)
    return merge(
        [
            cylinder((0, y, hip), foot, (0.062 * height, 0.035 * height), cloth, 7),
            box(
                (0.15 * height, 0.055 * height, 0.045 * height),
                (reach + 0.03 * height, y, 0.0225 * height),
                m.SHOE,
            ),
        ]
    )


def _head(x: float, shoulder: float, height: float, cover: Surface) -> list[Mesh]:
    middle = 0.935 * height
    return [
        cylinder((x, 0, shoulder), (x, 0, middle), 0.035 * height, m.SKIN, 6),
        ball((x, 0, middle), (0.058 * height, 0.05 * height, 0.068 * height), m.SKIN, 5, 8),
        ball(
            (x - 0.012 * height, 0, middle + 0.018 * height),
            (0.057 * height, 0.053 * height, 0.058 * height),
            cover,
            4,
            8,
        ),
    ]


def build_rider(rng: np.random.Generator, seat: Size, hands: tuple[float, float], pedal: float) -> Mesh:
    """A rider on ``seat`` (x, y, z), holding on at ``hands`` (x, z), feet at height ``pedal``."""
    jacket, trousers = m.cloth(rng), m.cloth(rng)
    x, _, z = seat
    shoulder = (x + 0.28, 0.0, z + 0.5)
    parts = [
        cylinder((x, 0, z), shoulder, (0.14, 0.17), jacket, 8),
        ball((shoulder[0] + 0.1, 0, shoulder[2] + 0.22), (0.11, 0.1, 0.13), m.SKIN, 5, 8),
        ball((shoulder[0] + 0.07, 0, shoulder[2] + 0.26), (0.14, 0.125, 0.12), m.cloth(rng), 4, 8),
    ]
    for side in (-1, 1):
        knee = (x + 0.38, side * 0.14, z - 0.2 - 0.08 * side)
        parts.append(cylinder((x, side * 0.1, z), knee, (0.09, 0.07), trousers, 6))
        parts.append(cylinder(knee, (x + 0.22, side * 0.14, pedal - 0.08 * side), (0.065, 0.05), trousers, 6))
        parts.append(
            cylinder(
                (shoulder[0], side * 0.18, shoulder[2] - 0.03),
                (hands[0], side * 0.24, hands[1]),
                (0.06, 0.045),
                jacket,
                6,
            )
        )
    return merge(parts)
