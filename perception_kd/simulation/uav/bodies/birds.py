"""Birds that flap or soar."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.stereo.meshes import Mesh, ellipsoid, merge
from perception_kd.simulation.uav.bodies.body import Body, Colour, Paint, hull, panel

_BODY, _WING, _TIP, _HEAD = range(4)


@dataclass(frozen=True)
class Species:
    """span: range in m; chord: of the wing over the span; flap: beats a second at a span of 1 m; soars: share of those
    that do not flap; body, wing, tip, head: colours."""

    span: tuple[float, float]
    chord: float
    flap: float
    soars: float
    body: Colour
    wing: Colour
    tip: Colour
    head: Colour


_CROW, _GULL = (0.015, 0.015, 0.018), (0.7, 0.7, 0.7)
SPECIES: dict[str, Species] = {
    'crow': Species((0.8, 1.0), 0.2, 4.0, 0.15, _CROW, _CROW, _CROW, _CROW),
    'gull': Species((1.0, 1.5), 0.13, 3.0, 0.45, _GULL, (0.45, 0.47, 0.5), (0.05, 0.05, 0.05), _GULL),
    'pigeon': Species((0.55, 0.7), 0.18, 4.5, 0.1,
                      (0.16, 0.17, 0.2), (0.25, 0.26, 0.29), (0.1, 0.1, 0.12), (0.08, 0.09, 0.12)),
    'buzzard': Species((1.1, 1.4), 0.2, 2.8, 0.7,
                       (0.12, 0.075, 0.045), (0.16, 0.11, 0.07), (0.05, 0.04, 0.03), (0.1, 0.06, 0.04)),
    'eagle': Species((1.8, 2.3), 0.2, 2.6, 0.8,
                     (0.06, 0.045, 0.03), (0.07, 0.05, 0.035), (0.03, 0.025, 0.02), (0.1, 0.08, 0.06)),
    'goose': Species((1.4, 1.7), 0.15, 3.8, 0.0,
                     (0.2, 0.18, 0.15), (0.17, 0.16, 0.14), (0.06, 0.06, 0.06), (0.12, 0.1, 0.08)),
    'starling': Species((0.36, 0.42), 0.19, 5.0, 0.15, (0.02,) * 3, (0.03,) * 3, (0.02,) * 3, (0.02,) * 3),
}  # fmt: skip
FLOCKING = ('crow', 'gull', 'pigeon', 'goose', 'starling')


def bird(rng: np.random.Generator, species: str | None = None) -> Body:
    """A bird of a species, or of any."""
    kind = SPECIES[species or str(rng.choice(list(SPECIES)))]
    span = rng.uniform(*kind.span)
    soars = rng.random() < kind.soars
    swing = np.deg2rad(rng.uniform(0, 2) if soars else rng.uniform(28, 50))
    rest = np.deg2rad(rng.uniform(4, 16) if soars else rng.uniform(0, 8))
    rate, phase = kind.flap * span**-0.5 * rng.uniform(0.85, 1.15), rng.random()
    trunk = _trunk(span, neck=0.12 if species == 'goose' else 0.0)
    paints = tuple(Paint(tuple(np.clip(np.array(colour) * rng.uniform(0.8, 1.2), 0, 1)), 0.02)
                   for colour in (kind.body, kind.wing, kind.tip, kind.head))  # fmt: skip
    return Body('bird', 'flap', _flapping(trunk, span, kind.chord, swing, rest, rate, phase), paints,
                (6.0, 16.0), rigid=False)  # fmt: skip


def _trunk(span: float, neck: float) -> Mesh:
    """Body, head and tail."""
    wide = 0.055
    body = hull(span * np.array([(-0.2, 0.3 * wide, 0.25 * wide, 0), (-0.06, 0.85 * wide, 0.9 * wide, 0.1 * wide),
                                 (0.07, wide, wide, 0.15 * wide), (0.16, 0.4 * wide, 0.4 * wide, 0)]), _BODY, 10)
    head = ellipsoid(span * wide * np.array([0.6, 0.55, 0.9]), _HEAD, 6)
    bill = hull(span * np.array([(0, 0.25 * wide, 0.25 * wide, 0), (0.06, 0.002, 0.002, 0.1 * wide)]), _HEAD, 6)
    front = (0.17 + neck) * span
    tail = panel(span * np.array([(-0.06, 0, -0.19, 0.12, 0.004), (0, 0, -0.15, 0.17, 0.008),
                                  (0.06, 0, -0.19, 0.12, 0.004)]), _BODY)  # fmt: skip
    parts = [body, tail, head.shifted(0, -0.1 * wide * span, front),
             bill.shifted(0, -0.05 * wide * span, front + 0.03 * span)]  # fmt: skip
    if neck:
        throat = [(0.12, 0.5 * wide, 0.5 * wide, 0), (0.18 + neck, 0.4 * wide, 0.4 * wide, 0)]
        parts.append(hull(span * np.array(throat), _HEAD, 8))
    return merge(parts)


def _flapping(trunk: Mesh, span: float, chord: float, swing: float, rest: float, rate: float,
              phase: float) -> Callable[[float], Mesh]:  # fmt: skip
    """The shape of a bird over time: the hand follows the arm by a sixth of a beat and folds as the wing rises."""

    def shape(time: float) -> Mesh:
        beat = 2 * np.pi * (rate * time + phase)
        arm, hand = rest + swing * np.sin(beat), 0.6 * rest + 1.3 * swing * np.sin(beat - np.pi / 3)
        folded = 1 - 0.25 * max(np.cos(beat - 0.4), 0.0) * min(swing / 0.6, 1.0)
        return merge([trunk, *(_wing(side, span, chord, arm, hand, folded) for side in (-1, 1))])

    return shape


def _wing(side: int, span: float, chord: float, arm: float, hand: float, folded: float) -> Mesh:
    """One wing: angles of arm and hand above the horizontal, length of the hand as a share of its full length."""
    root = np.array([0.03 * span, 0.0])
    wrist = root + 0.22 * span * np.array([np.cos(arm), -np.sin(arm)])
    tip = wrist + 0.26 * span * folded * np.array([np.cos(hand), -np.sin(hand)])
    beyond = 0.6 * wrist + 0.4 * tip
    front, wide = 0.09 * span, chord * span
    inner = panel([(side * root[0], root[1], front, 1.05 * wide, 0.02 * span),
                   (side * wrist[0], wrist[1], front + 0.03 * span, wide, 0.014 * span),
                   (side * beyond[0], beyond[1], front + 0.01 * span, 0.85 * wide, 0.008 * span)], _WING)  # fmt: skip
    outer = panel([(side * beyond[0], beyond[1], front + 0.01 * span, 0.85 * wide, 0.008 * span),
                   (side * tip[0], tip[1], front - 0.09 * span, 0.25 * wide, 0.004 * span)], _TIP)  # fmt: skip
    return merge([inner, outer])
