"""What does not move and is not annotated: roadway, pavement, ground, houses, trees, lamp posts."""

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.mesh import Mesh, Surface, merge
from perception_kd.simulation.poses import yaw_matrix
from perception_kd.simulation.primitives import ball, beam, box, cylinder, strip
from perception_kd.simulation.road import KERB, KERB_HEIGHT, SIDEWALK_END, Road

STREET_SETBACK, LOT_SETBACK = 14.6, 32.0
"""Offset of the house fronts beside the pavement, and behind an open lot."""


def ground(road: Road, lots: set[int]) -> Mesh:
    """Roadway, kerbs, pavements, and what lies behind them (a paved lot or a lawn) to 60 m."""
    s = np.arange(road.start, road.end + 1e-6, 4.0)
    parts = [_ribbon(road, s, KERB, -KERB, 0.0, m.ROADWAY)]
    for side in (-1, 1):
        behind = m.ASPHALT if side in lots else m.LAWN
        parts.append(_ribbon(road, s, *_ordered(side * KERB, side * (KERB + 0.25)), KERB_HEIGHT, m.KERB))
        parts.append(
            _ribbon(road, s, *_ordered(side * (KERB + 0.25), side * SIDEWALK_END), KERB_HEIGHT, m.SIDEWALK)
        )
        parts.append(_ribbon(road, s, *_ordered(side * SIDEWALK_END, side * 60), KERB_HEIGHT, behind))
        parts.append(_kerb_face(road, s, side))
    parts.append(box((900, 900, 0.2), (0, 0, -0.16), m.LAWN))
    return merge(parts)


def _ordered(a: float, b: float) -> tuple[float, float]:
    return (a, b) if a > b else (b, a)


def _ribbon(road: Road, s: np.ndarray, left: float, right: float, z: float, surface: Surface) -> Mesh:
    """Flat ribbon between two offsets; its uv is (s, d)."""
    return strip(
        road.line(s, left, z),
        road.line(s, right, z),
        np.stack([s, 0 * s + left], 1),
        np.stack([s, 0 * s + right], 1),
        surface,
    )


def _kerb_face(road: Road, s: np.ndarray, side: int) -> Mesh:
    low, high = road.line(s, side * KERB, 0.0), road.line(s, side * KERB, KERB_HEIGHT)
    left, right = (high, low) if side > 0 else (low, high)
    return strip(left, right, np.stack([s, 0 * s + 0.15], 1), np.stack([s, 0 * s], 1), m.KERB)


def houses(road: Road, lots: set[int], rng: np.random.Generator) -> Mesh:
    """Rows of houses along both sides, and a far ring that closes the view."""
    parts = []
    for side in (-1, 1):
        setback = LOT_SETBACK if side in lots else STREET_SETBACK
        s = road.start + 10
        while s < road.end - 10:
            width = rng.uniform(10, 20)
            parts.append(_house(road, s + width / 2, side, setback + rng.uniform(0, 1.0), width, rng))
            s += width + (rng.uniform(2, 7) if rng.random() < 0.35 else 0.05)
    middle = road.to_world((road.start + road.end) / 2, 0)
    for angle in np.arange(0, 2 * np.pi, 2 * np.pi / 26):
        centre = np.array([*middle[:2], 0]) + 190 * np.array([np.cos(angle), np.sin(angle), 0])
        parts.append(
            _block((24, rng.uniform(36, 48), rng.uniform(9, 30)), rng).moved(yaw_matrix(angle), centre)
        )
    return merge(parts)


def _house(road: Road, s: float, side: int, setback: float, width: float, rng: np.random.Generator) -> Mesh:
    depth = rng.uniform(9, 13)
    x, y, heading = road.to_world(s, side * (setback + depth / 2))
    # On the inside of a bend the back of a row is shorter than its front; a narrower house leaves no overlap.
    squeeze = min(1.0, 1 - road.curvature * side * setback)
    block = _block((width * squeeze, depth, float(rng.uniform(6.5, 19))), rng)
    return block.moved(yaw_matrix(float(heading)), (float(x), float(y), 0.0))


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


def trees(places: np.ndarray, rng: np.random.Generator) -> Mesh:
    """A tree at each (N, 3) place: trunk and a crown of three balls."""
    parts = []
    for place in places:
        height = rng.uniform(4.5, 7.5)
        green = m.tinted(m.FOLIAGE_GREEN, rng.uniform(0.7, 1.4))
        parts.append(cylinder(place, place + [0, 0, 0.55 * height], (0.16, 0.11), m.WOOD, 7))
        for _ in range(3):
            offset = rng.uniform(-0.6, 0.6, 3) + [0, 0, 0.68 * height]
            parts.append(ball(place + offset, rng.uniform(0.9, 1.5, 3), green, 5, 8))
    return merge(parts)


def lamps(places: np.ndarray, towards: np.ndarray) -> Mesh:
    """A lamp post at each (N, 3) place with an arm of 1.8 m along the (N, 3) unit vector ``towards``."""
    parts = []
    for place, arm in zip(places, towards):
        top = place + [0, 0, 7.0]
        parts.append(cylinder(place, top, (0.11, 0.06), m.STEEL, 8))
        parts.append(cylinder(top, top + 1.8 * arm + [0, 0, 0.25], 0.04, m.STEEL, 6))
        parts.append(beam(top + 1.6 * arm + [0, 0, 0.22], top + 2.3 * arm + [0, 0, 0.25], 0.26, 0.12, m.TRIM))
    return merge(parts)


def lamp_heads(places: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Where the lamps of ``lamps`` shine from, (N, 3)."""
    return places + 1.95 * towards + [0, 0, 7.1]


def signs(places: np.ndarray, facing: np.ndarray) -> Mesh:
    """A round traffic sign at each (N, 3) place, facing along the (N, 3) unit vector."""
    parts = []
    for place, front in zip(places, facing):
        top = place + [0, 0, 2.4]
        parts.append(cylinder(place, top + [0, 0, 0.3], 0.035, m.STEEL, 6))
        parts.append(cylinder(top + 0.04 * front, top + 0.06 * front, 0.32, m.RETRO_RED, 14))
        parts.append(cylinder(top + 0.06 * front, top + 0.07 * front, 0.23, m.RETRO_WHITE, 14))
    return merge(parts)
