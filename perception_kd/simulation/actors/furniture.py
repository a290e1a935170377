"""Traffic cones and barriers."""

from itertools import pairwise

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.mesh import Mesh, merge
from perception_kd.simulation.primitives import box, cylinder, loft

Size = tuple[float, float, float]


def cone_size(rng: np.random.Generator) -> Size:
    """(length, width, height) in m."""
    height = rng.uniform(0.85, 1.25)
    return 0.39 * height, 0.39 * height, height


def build_cone(_rng: np.random.Generator, size: Size, _kind: str) -> Mesh:
    """A cone on a square foot with two reflecting bands."""
    side, _, height = size
    top, bottom = 0.025, 0.4 * side
    edges = [(0.05, m.CONE_ORANGE), (0.35, m.RETRO_WHITE), (0.52, m.CONE_ORANGE), (0.68, m.RETRO_WHITE),
             (0.82, m.CONE_ORANGE), (1.0, m.CONE_ORANGE)]  # fmt: skip
    parts = [box((side, side, 0.05 * height), (0, 0, 0.025 * height), m.TRIM)]
    for (low, surface), (high, _) in pairwise(edges):
        radii = tuple(bottom + (top - bottom) * x for x in (low, high))
        parts.append(cylinder((0, 0, low * height), (0, 0, high * height), radii, surface, 10))
    return merge(parts)


def barrier_size(rng: np.random.Generator) -> tuple[Size, str]:
    """(length, width, height) in m; as in nuScenes the long side is the width."""
    kind = str(rng.choice(['jersey', 'plastic', 'fence'], p=[0.4, 0.35, 0.25]))
    return (rng.uniform(0.42, 0.58), rng.uniform(2.2, 2.85), rng.uniform(0.88, 1.1)), kind


def build_barrier(rng: np.random.Generator, size: Size, kind: str) -> Mesh:
    """Concrete profile, water-filled plastic block, or striped boards on feet."""
    depth, width, height = size
    if kind == 'fence':
        return merge(_fence(depth, width, height))
    if kind == 'jersey':
        surface = m.tinted(m.CONCRETE, rng.uniform(0.7, 1.3))
    else:
        surface = m.tinted(m.RETRO_RED if rng.random() < 0.5 else m.CONE_ORANGE, 1.0)
    low = [
        (-width / 2, 0, 0.28 * height, depth / 2, 0.28 * depth),
        (width / 2, 0, 0.28 * height, depth / 2, 0.28 * depth),
    ]
    high = [(-width / 2, 0.28 * height, height, 0.28 * depth, 0.15 * depth),
            (width / 2, 0.28 * height, height, 0.28 * depth, 0.15 * depth)]  # fmt: skip
    parts = [loft(low, surface), loft(high, surface if kind == 'jersey' else m.RETRO_WHITE)]
    quarter_turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    return merge(parts).moved(quarter_turn, np.zeros(3))


def _fence(depth: float, width: float, height: float) -> list[Mesh]:
    parts = []
    for side in (-1, 1):
        parts.append(box((depth, 0.12, 0.08), (0, side * 0.42 * width, 0.04), m.TRIM))
        parts.append(box((0.06, 0.06, height), (0, side * 0.42 * width, height / 2), m.STEEL))
    count = 8
    step = width / count
    for level in (0.55, 0.88):
        for index in range(count):
            surface = m.RETRO_RED if index % 2 else m.RETRO_WHITE
            parts.append(
                box(
                    (0.05, step, 0.2 * height),
                    (0, -width / 2 + (index + 0.5) * step, level * height),
                    surface,
                )
            )
    return parts
