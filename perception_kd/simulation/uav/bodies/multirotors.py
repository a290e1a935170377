"""Quadrotors, hexarotors, octorotors."""

import numpy as np

from perception_kd.simulation.stereo.meshes import Mesh, box, cylinder, ellipsoid, merge, tube
from perception_kd.simulation.uav.bodies.body import Body, Colour, Paint, Rotor, fixed

_SHELLS: tuple[Colour, ...] = ((0.8, 0.8, 0.8), (0.35, 0.36, 0.38), (0.1, 0.1, 0.11), (0.03, 0.03, 0.035),
                               (0.55, 0.53, 0.48), (0.6, 0.2, 0.04), (0.7, 0.7, 0.72))  # fmt: skip
_ACCENTS: tuple[Colour, ...] = ((0.02, 0.02, 0.02), (0.5, 0.03, 0.02), (0.3, 0.3, 0.3), (0.7, 0.4, 0.02))
_UP = np.array([0.0, -1.0, 0.0])
_SHELL, _DARK, _ACCENT = range(3)


def multirotor(rng: np.random.Generator) -> Body:
    """A drone of 0.25 to 1.1 m from motor to motor."""
    arms = int(rng.choice([4, 6, 8], p=[0.74, 0.2, 0.06]))
    reach = 0.5 * np.exp(rng.uniform(np.log(0.25), np.log(0.6 if arms == 4 else 1.1)))
    motors = _motors(rng, arms, reach)
    carbon = rng.random() < 0.45  # bare arms instead of a shell
    arm = _DARK if carbon else _SHELL
    thick = reach * (rng.uniform(0.05, 0.08) if carbon else rng.uniform(0.07, 0.13))
    parts = [_trunk(rng, reach, carbon)]
    for place in motors:
        parts.append(tube(np.stack([0.2 * place, place]), np.array([1.2, 0.8]) * thick, arm))
        parts.append(cylinder(1.1 * thick, 2 * thick, _DARK, 10).shifted(*place))
    parts += _gear(rng, reach, motors)
    paints = (Paint(_SHELLS[rng.integers(len(_SHELLS))], rng.uniform(0.02, 0.2)), Paint((0.025, 0.025, 0.028), 0.08),
              Paint(_ACCENTS[rng.integers(len(_ACCENTS))]))  # fmt: skip
    return Body('drone', 'hover', fixed(merge(parts)), paints, (0.0, 14.0), _rotors(rng, motors, reach, thick))


def _motors(rng: np.random.Generator, arms: int, reach: float) -> np.ndarray:
    """(arms, 3) places of the motors; quadrotors may be longer or wider than square."""
    angle = (np.arange(arms) + 0.5) * 2 * np.pi / arms
    stretch = rng.uniform(0.9, 1.2) if arms == 4 else 1.0
    rise = -reach * rng.uniform(0.0, 0.15)
    return np.stack([reach * stretch * np.sin(angle), np.full(arms, rise), reach * np.cos(angle) / stretch], -1)


def _trunk(rng: np.random.Generator, reach: float, carbon: bool) -> Mesh:
    long, wide, high = reach * rng.uniform([0.42, 0.24, 0.12], [0.62, 0.4, 0.24])
    if carbon:
        plates = [box((1.4 * wide, 0.1 * high, 1.7 * long), _DARK).shifted(0, dy * high, 0) for dy in (-0.5, 0.5)]
        battery = box((0.9 * wide, 0.9 * high, 1.2 * long), _ACCENT).shifted(0, -high, 0)
        return merge([*plates, battery, box((wide, 0.8 * high, long), _SHELL)])
    body = ellipsoid((wide, high, long), _SHELL, 8, rng.uniform(0.55, 0.9))
    return merge([body, box((1.2 * wide, 0.4 * high, 0.9 * long), _ACCENT).shifted(0, -0.7 * high, -0.1 * long)])


def _gear(rng: np.random.Generator, reach: float, motors: np.ndarray) -> list[Mesh]:
    """Landing gear and camera."""
    parts, kind = [], rng.choice(['skids', 'feet', 'none'], p=[0.45, 0.35, 0.2])
    drop, thin = reach * rng.uniform(0.35, 0.75), 0.025 * reach + 0.002
    if kind == 'skids':
        for side in (-1, 1):
            foot = side * reach * rng.uniform(0.3, 0.5)
            for z in (-0.25 * reach, 0.25 * reach):
                parts.append(tube(np.array([(0.3 * foot, 0.05 * reach, z), (foot, drop, z)]), thin, _DARK))
            parts.append(tube(np.array([(foot, drop, -0.5 * reach), (foot, drop, 0.5 * reach)]), 1.3 * thin, _DARK))
    elif kind == 'feet':
        parts += [tube(np.stack([place, place + (0, 0.6 * drop, 0)]), 1.5 * thin, _SHELL) for place in motors]
    if rng.random() < 0.75:
        size = reach * rng.uniform(0.08, 0.16)
        below = np.array([0, reach * rng.uniform(0.15, 0.3), reach * rng.choice([0.0, 0.35])])
        parts.append(ellipsoid((size, size, size), _DARK, 6).shifted(*below))
        parts.append(tube(np.stack([below * (0, 0, 1), below]), 0.4 * size, _DARK))
    return parts


def _rotors(rng: np.random.Generator, motors: np.ndarray, reach: float, thick: float) -> tuple[Rotor, ...]:
    apart = np.linalg.norm(motors[1] - motors[0])
    radius = apart * rng.uniform(0.3, 0.47)
    rate, blades = rng.uniform(55, 90) * (0.2 / radius) ** 0.5, int(rng.choice([2, 3], p=[0.85, 0.15]))
    colour = (0.03,) * 3 if rng.random() < 0.8 else (0.45,) * 3
    return tuple(Rotor(place + 2.2 * thick * _UP, _UP, radius, 0.17 * radius, blades,
                       (-1) ** number * rate * rng.uniform(0.95, 1.05), rng.random(), colour)
                 for number, place in enumerate(motors))  # fmt: skip
