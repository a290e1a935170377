"""Pedestrians that walk, and the riders of two-wheelers."""

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.actors.figure import Assembly, Figure
from perception_kd.simulation.mesh import Mesh, Surface
from perception_kd.simulation.primitives import ball, box, cylinder

Size = tuple[float, float, float]

_STRIDE, _LEG_SWING, _ARM_SWING, _KNEE = 0.75, 0.32, 0.34, 0.7
"""Of one who walks: way of two steps as a share of the height; largest turns of limbs in rad."""
_THIGH, _SHANK, _PEDAL_SWING, _GEAR = 0.43, 0.43, 0.36, 5.0
"""Of one who rides: lengths in m, turns of thigh and shank in rad, way of one turn of the pedals in m."""


def person_size(rng: np.random.Generator, kind: str) -> Size:
    """(length, width, height) in m of an adult, a child or a worker; the length is that of a stride."""
    height = rng.uniform(1.15, 1.45) if kind == 'child' else rng.uniform(1.63, 1.95)
    return 0.35 * height + rng.uniform(0.05, 0.2), 0.36 * height + rng.uniform(0, 0.08), height


def build_person(rng: np.random.Generator, size: Size, kind: str) -> Figure:
    """A person facing +x; ``kind`` is adult, child or worker."""
    height = size[2]
    trousers = m.cloth(rng)
    jacket = m.VEST if kind == 'worker' else m.cloth(rng)
    hip, shoulder = 0.5 * height, 0.82 * height
    body = Assembly()
    waist = (0.078 * height, 0.1 * height)
    torso = cylinder((0, 0, hip - 0.03 * height), (0, 0, shoulder), waist, jacket, 8)
    body.add(torso.moved(np.diag([0.8, 1.2, 1]), np.zeros(3)), *_head(shoulder, height, kind))
    if kind == 'adult' and rng.random() < 0.3:
        pack = 0.09 * height, 0.15 * height, 0.22 * height
        body.add(box(pack, (-0.12 * height, 0, 0.7 * height), m.cloth(rng)))
    start = rng.uniform(0, 2 * np.pi)
    for side in (-1, 1):
        phase = start + (np.pi if side > 0 else 0.0)
        _leg(body, side, hip, height, trousers, phase)
        _arm(body, side, shoulder, height, jacket, phase + np.pi)
    return body.figure(walks=True)


def _leg(body: Assembly, side: int, hip: float, height: float, cloth: Surface, phase: float) -> None:
    """Thigh, shank and shoe; the knee bends while the leg swings forward."""
    y, knee, period = side * 0.055 * height, 0.27 * height, _STRIDE * height
    thigh = body.add(cylinder((0, y, hip), (0, y, knee), (0.064 * height, 0.047 * height), cloth, 7))
    shank = body.add(
        ball((0, y, knee), 0.047 * height, cloth, 4, 7),
        cylinder((0, y, knee), (0, y, 0.03 * height), (0.046 * height, 0.033 * height), cloth, 7),
        box((0.15 * height, 0.055 * height, 0.045 * height), (0.03 * height, y, 0.0225 * height), m.SHOE),
    )
    # A positive turn brings a hanging limb back; the knee bends most while the thigh comes forward.
    body.turn(shank, 0.0, knee, swing=_KNEE, offset=phase - 0.4 * np.pi, bends=True, period=period)
    leg = slice(thigh.start, shank.stop)
    body.turn(leg, 0.0, hip, swing=_LEG_SWING, offset=phase, period=period)


def _arm(body: Assembly, side: int, shoulder: float, height: float, cloth: Surface, phase: float) -> None:
    top = np.array([0, side * 0.135 * height, shoulder - 0.01 * height])
    elbow, hand = (-0.01, side * 0.15 * height, 0.64 * height), (0.06, side * 0.155 * height, 0.47 * height)
    arm = body.add(
        ball(top, 0.04 * height, cloth, 4, 6),
        cylinder(top, elbow, (0.037 * height, 0.03 * height), cloth, 6),
        cylinder(elbow, hand, (0.03 * height, 0.023 * height), cloth, 6),
        ball(hand, 0.028 * height, m.SKIN, 3, 5),
    )
    body.turn(arm, 0.0, float(top[2]), swing=_ARM_SWING, offset=phase, period=_STRIDE * height)


def _head(shoulder: float, height: float, kind: str) -> list[Mesh]:
    middle = 0.935 * height
    cover = m.HELMET if kind == 'worker' else m.HAIR
    top = (-0.012 * height, 0, middle + 0.018 * height)
    return [
        cylinder((0, 0, shoulder), (0, 0, middle), 0.035 * height, m.SKIN, 6),
        ball((0, 0, middle), (0.058 * height, 0.05 * height, 0.068 * height), m.SKIN, 5, 8),
        ball(top, (0.057 * height, 0.053 * height, 0.058 * height), cover, 4, 8),
    ]


def add_rider(
    body: Assembly, rng: np.random.Generator, seat: Size, hands: tuple[float, float], foot: tuple[float, float],
    pedals: bool,
) -> None:  # fmt: skip
    """A rider on ``seat`` (x, y, z), holding on at ``hands`` (x, z), feet around ``foot`` (x, z)."""
    jacket, trousers = m.cloth(rng), m.cloth(rng)
    x, _, z = seat
    shoulder = (x + 0.28, 0.0, z + 0.5)
    body.add(
        cylinder((x, 0, z), shoulder, (0.14, 0.17), jacket, 8),
        ball((shoulder[0] + 0.1, 0, shoulder[2] + 0.22), (0.11, 0.1, 0.13), m.SKIN, 5, 8),
        ball((shoulder[0] + 0.07, 0, shoulder[2] + 0.26), (0.14, 0.125, 0.12), m.cloth(rng), 4, 8),
    )
    knee = _knee((x, z), foot)
    for side in (-1, 1):
        arm = (shoulder[0], side * 0.18, shoulder[2] - 0.03), (hands[0], side * 0.24, hands[1])
        body.add(cylinder(*arm, (0.06, 0.045), jacket, 6))
        thigh = body.add(cylinder((x, side * 0.1, z), (knee[0], side * 0.13, knee[1]), (0.09, 0.07), trousers, 6))
        shank = body.add(
            ball((knee[0], side * 0.13, knee[1]), 0.07, trousers, 4, 6),
            cylinder((knee[0], side * 0.13, knee[1]), (foot[0], side * 0.13, foot[1]), (0.068, 0.05), trousers, 6),
            box((0.24, 0.09, 0.08), (foot[0] + 0.05, side * 0.13, foot[1] - 0.03), m.SHOE),
        )
        if pedals:
            phase = np.pi if side > 0 else 0.0
            body.turn(shank, *knee, swing=_PEDAL_SWING, offset=phase - np.pi / 2, period=_GEAR)
            body.turn(slice(thigh.start, shank.stop), x, z, swing=_PEDAL_SWING, offset=phase, period=_GEAR)


def _knee(hip: tuple[float, float], foot: tuple[float, float]) -> tuple[float, float]:
    """Where (x, z) thigh and shank meet, in front of the line from hip to foot."""
    line = np.subtract(foot, hip)
    distance = min(float(np.linalg.norm(line)), 0.999 * (_THIGH + _SHANK))
    along = (_THIGH**2 - _SHANK**2 + distance**2) / (2 * distance)
    bulge = np.sqrt(_THIGH**2 - along**2)
    way = line / np.linalg.norm(line)
    x, z = np.asarray(hip) + along * way + bulge * np.array([-way[1], way[0]])
    return float(x), float(z)
