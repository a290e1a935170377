"""What stands beside the road and is not annotated; each is built around its foot point, front towards +x."""

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.mesh import Mesh, merge
from perception_kd.simulation.primitives import ball, beam, box, cylinder

LAMP_HEIGHT, _LAMP_ARM = 7.0, 1.8
LAMP_HEAD = np.array([1.95, 0.0, LAMP_HEIGHT + 0.1])
"""Where a lamp shines from, from its foot."""


def tree(rng: np.random.Generator) -> Mesh:
    """Trunk and a crown of four balls."""
    height = rng.uniform(4.5, 8.0)
    green = m.tinted(m.FOLIAGE_GREEN, rng.uniform(0.7, 1.4))
    parts = [cylinder((0, 0, 0), (0, 0, 0.6 * height), (0.16, 0.10), m.WOOD, 7)]
    for level in (0.62, 0.70, 0.78, 0.88):
        offset = rng.uniform(-0.7, 0.7, 3) * [1.3 - level, 1.3 - level, 0.3] + [0, 0, level * height]
        parts.append(ball(offset, rng.uniform(0.8, 1.5, 3) * (1.5 - 0.6 * level), green, 5, 8))
    return merge(parts)


def lamp() -> Mesh:
    """A lamp post whose arm reaches over the road."""
    top, way = np.array([0, 0, LAMP_HEIGHT]), np.array([1.0, 0, 0])
    return merge([
        cylinder((0, 0, 0), top, (0.11, 0.06), m.STEEL, 8),
        cylinder(top, top + _LAMP_ARM * way + [0, 0, 0.25], 0.04, m.STEEL, 6),
        beam(top + 1.6 * way + [0, 0, 0.22], top + 2.3 * way + [0, 0, 0.25], 0.26, 0.12, m.TRIM),
        beam(top + 1.7 * way + [0, 0, 0.15], top + 2.2 * way + [0, 0, 0.17], 0.2, 0.03, m.LUMINAIRE),
    ])  # fmt: skip


def sign() -> Mesh:
    """A round traffic sign."""
    return merge([
        cylinder((0, 0, 0), (0, 0, 2.7), 0.035, m.STEEL, 6),
        cylinder((0.04, 0, 2.4), (0.06, 0, 2.4), 0.32, m.RETRO_RED, 14),
        cylinder((0.06, 0, 2.4), (0.07, 0, 2.4), 0.23, m.RETRO_WHITE, 14),
    ])  # fmt: skip


def signal(arm: float) -> Mesh:
    """A traffic light at the post, and another on an arm of ``arm`` m to its right (none if 0)."""
    parts = [cylinder((0, 0, 0), (0, 0, 5.6 if arm else 3.3), (0.10, 0.07), m.STEEL, 8), _heads((0.12, 0, 2.8))]
    if arm:
        parts.append(cylinder((0, 0, 5.5), (0, -arm, 5.8), 0.05, m.STEEL, 6))
        parts.append(_heads((0.12, 0.3 - arm, 5.6)))
    return merge(parts)


def _heads(centre: tuple[float, float, float]) -> Mesh:
    x, y, z = centre
    parts = [box((0.2, 0.32, 0.95), centre, m.TRIM)]
    for step, surface in ((0.3, m.SIGNAL_RED), (0.0, m.SIGNAL_AMBER), (-0.3, m.SIGNAL_GREEN)):
        parts.append(cylinder((x + 0.09, y, z + step), (x + 0.12, y, z + step), 0.11, surface, 10))
    return merge(parts)


def bin_() -> Mesh:
    """A litter bin."""
    return merge([
        cylinder((0, 0, 0), (0, 0, 0.85), (0.22, 0.25), m.tinted(m.STEEL, 0.35), 10),
        cylinder((0, 0, 0.85), (0, 0, 0.95), (0.27, 0.2), m.TRIM, 10),
    ])  # fmt: skip


def bollard() -> Mesh:
    """A steel post."""
    return merge([
        cylinder((0, 0, 0), (0, 0, 0.9), 0.06, m.tinted(m.STEEL, 0.5), 8),
        cylinder((0, 0, 0.72), (0, 0, 0.8), 0.065, m.RETRO_WHITE, 8),
    ])  # fmt: skip


def cabinet(rng: np.random.Generator) -> Mesh:
    """A box of the electricity or telephone company."""
    return merge([
        box((0.4, 1.0, 1.15), (0, 0, 0.625), m.tinted(m.STEEL, rng.uniform(0.6, 1.1))),
        box((0.44, 1.04, 0.06), (0, 0, 1.2), m.TRIM),
        box((0.42, 1.02, 0.1), (0, 0, 0.05), m.CONCRETE),
    ])  # fmt: skip


def bench() -> Mesh:
    """A wooden bench."""
    parts = [box((0.4, 1.7, 0.05), (0, 0, 0.45), m.WOOD), box((0.05, 1.7, 0.4), (-0.22, 0, 0.72), m.WOOD)]
    return merge([*parts, *(box((0.4, 0.07, 0.45), (0, y, 0.225), m.STEEL) for y in (-0.7, 0.7))])


def shelter() -> Mesh:
    """A bus shelter, 3.6 m wide and open to the front, with a bench; the sign stands beside it."""
    parts = [box((1.5, 3.6, 0.08), (0, 0, 2.45), m.TRIM), box((0.04, 3.5, 1.9), (-0.65, 0, 1.35), m.SHELTER_GLASS)]
    parts.append(bench().moved(np.eye(3), (-0.3, 0, 0)))
    for y in (-1.7, 1.7):
        parts += [box((0.07, 0.07, 2.45), (x, y, 1.225), m.STEEL) for x in (-0.65, 0.6)]
    parts.append(box((1.0, 0.04, 1.9), (-0.1, 1.7, 1.35), m.SHELTER_GLASS))
    parts.append(cylinder((0.6, 2.6, 0), (0.6, 2.6, 2.6), 0.04, m.STEEL, 6))
    parts.append(box((0.04, 0.45, 0.45), (0.6, 2.6, 2.4), m.tinted(m.RETRO_WHITE, 0.9)))
    return merge(parts)


def hedge(length: float, rng: np.random.Generator) -> Mesh:
    """Along y, 0.7 m thick and about breast-high."""
    height, green = rng.uniform(0.9, 1.5), m.tinted(m.FOLIAGE_GREEN, rng.uniform(0.7, 1.2))
    return box((0.7, length, height), (0, 0, height / 2), green)


def wall(length: float, rng: np.random.Generator) -> Mesh:
    """A low wall with a coping, along y."""
    height, stone = rng.uniform(0.6, 1.3), m.tinted(m.CONCRETE, rng.uniform(0.6, 1.2))
    coping = box((0.36, length + 0.06, 0.08), (0, 0, height), m.tinted(m.CONCRETE, 1.2))
    return merge([box((0.28, length, height), (0, 0, height / 2), stone), coping])


def rail(length: float) -> Mesh:
    """A steel guard rail along y: two folded beams on posts."""
    count = max(2, round(length / 2))
    parts = [box((0.1, 0.12, 0.72), (-0.08, y, 0.36), m.STEEL) for y in np.linspace(-0.47, 0.47, count) * length]
    parts += [box((0.07, length, 0.13), (0.03, 0, z), m.STEEL) for z in (0.5, 0.68)]
    return merge([*parts, box((0.03, length, 0.07), (-0.01, 0, 0.59), m.STEEL)])


def fence(length: float) -> Mesh:
    """A railing of steel bars along y."""
    count = max(2, round(length / 0.35))
    steel = m.tinted(m.STEEL, 0.5)
    parts = [box((0.03, 0.03, 1.05), (0, y, 0.525), steel) for y in np.linspace(-0.49, 0.49, count) * length]
    return merge(parts + [box((0.05, length, 0.05), (0, 0, z), steel) for z in (0.15, 1.05)])
