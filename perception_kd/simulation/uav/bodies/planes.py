"""Things with fixed wings: drones, airliners, light aircraft."""

import numpy as np

from perception_kd.simulation.stereo.meshes import Mesh, merge, tube
from perception_kd.simulation.uav.bodies.body import Body, Colour, Paint, Rotor, fixed, hull, panel

_AHEAD = np.array([0.0, 0.0, 1.0])
_FOAM: tuple[Colour, ...] = ((0.8, 0.8, 0.8), (0.4, 0.41, 0.43), (0.08, 0.08, 0.09), (0.16, 0.19, 0.12),
                             (0.7, 0.3, 0.03))  # fmt: skip
_LIVERIES: tuple[Colour, ...] = ((0.02, 0.06, 0.3), (0.5, 0.02, 0.03), (0.02, 0.2, 0.08), (0.6, 0.3, 0.02),
                                 (0.75, 0.75, 0.75), (0.02, 0.02, 0.05))  # fmt: skip
_BODY, _WING, _TAIL, _DARK = range(4)


def fixed_wing_drone(rng: np.random.Generator) -> Body:
    """A drone of 0.9 to 3 m span: with a tail, with a V-tail and a pusher, or a flying wing."""
    span = np.exp(rng.uniform(np.log(0.9), np.log(3.0)))
    kind = rng.choice(['tail', 'vee', 'delta'], p=[0.4, 0.3, 0.3])
    chord = span * rng.uniform(0.11, 0.16)
    if kind == 'delta':
        parts, propeller = _delta(span)
    else:
        parts, propeller = _tailed(rng, span, chord, vee=kind == 'vee')
    shell = _FOAM[rng.integers(len(_FOAM))]
    paints = (Paint(shell, 0.1), Paint(shell if rng.random() < 0.7 else _FOAM[0], 0.08),
              Paint(_LIVERIES[rng.integers(len(_LIVERIES))]), Paint((0.03, 0.03, 0.03)))  # fmt: skip
    rotor = Rotor(propeller, _AHEAD, 0.09 * span, 0.018 * span, 2, rng.uniform(80, 130), rng.random(), (0.04,) * 3)
    return Body('drone', 'wing', fixed(merge(parts)), paints, (10.0, 24.0), (rotor,))


def _tailed(rng: np.random.Generator, span: float, chord: float, vee: bool) -> tuple[list[Mesh], np.ndarray]:
    long, wide = span * rng.uniform(0.55, 0.75), span * rng.uniform(0.035, 0.055)
    pod = hull(np.array([(-0.35, 0.2, 0.2, 0), (-0.1, 0.9, 1.1, 0), (0.25, 1.0, 1.2, 0), (0.42, 0.05, 0.05, 0.3)])
               * (long, wide, wide, wide), _BODY)  # fmt: skip
    boom = tube(np.array([(0, 0, -0.2 * long), (0, 0, -0.55 * long)]), 0.25 * wide, _DARK)
    parts = [pod, boom, _wings(span, chord, -wide, 0.15 * long + chord / 2, sweep=0.03, rise=0.04, taper=0.7)]
    tail, back, reach = 0.65 * chord, -0.55 * long + 0.5 * chord, 0.17 * span
    if vee:
        root = (0, 0, back, tail, 0.08 * tail)
        tips = [(side * reach, -reach, back - 0.3 * tail, 0.6 * tail, 0.04 * tail) for side in (-0.7, 0.7)]
        parts += [panel([root, (x, -abs(x), *rest)], _TAIL) for x, _, *rest in tips]
        return parts, np.array([0, -0.3 * wide, -0.38 * long])
    parts.append(panel([(-reach, 0, back, 0.7 * tail, 0.05 * tail), (0, 0, back, tail, 0.08 * tail),
                        (reach, 0, back, 0.7 * tail, 0.05 * tail)], _WING))  # fmt: skip
    parts.append(_fin(0.14 * span, tail, back))
    return parts, np.array([0, 0.3 * wide, 0.43 * long])


def _delta(span: float) -> tuple[list[Mesh], np.ndarray]:
    half = [(0.06, 0, 0.1, 0.3, 0.04), (0.5, -0.01, -0.2, 0.14, 0.01)]
    wing = panel(_both(span * np.array([(0, 0, 0.16, 0.36, 0.07), *half])), _WING)
    fins = [_fin(0.1 * span, 0.14 * span, -0.2 * span).shifted(side * 0.5 * span, -0.01 * span, 0) for side in (-1, 1)]
    return [wing, *fins], np.array([0, 0, -0.22 * span])


def _both(half: np.ndarray) -> np.ndarray:
    """Sections of both wings from those (K, 5) of the middle and the right one."""
    return np.concatenate([half[:0:-1] * (-1, 1, 1, 1, 1), half])


def _wings(span: float, chord: float, y: float, z: float, sweep: float, rise: float, taper: float) -> Mesh:
    """Both wings; sweep and rise as shares of the half span, y of the root, z of its leading edge."""
    half, tip = span / 2, chord * taper
    far = (y - rise * half, z - sweep * half)
    return panel([(-half, *far, tip, 0.08 * tip), (0, y, z, chord, 0.13 * chord), (half, *far, tip, 0.08 * tip)], _WING)


def _fin(height: float, chord: float, z: float) -> Mesh:
    return panel([(0, 0, z, chord, 0.08 * chord), (0, -height, z - 0.5 * chord, 0.5 * chord, 0.04 * chord)], _TAIL,
                 upright=True)  # fmt: skip


def airliner(rng: np.random.Generator) -> Body:
    """A jet of 26 to 62 m span with two or four engines under swept wings."""
    span = rng.uniform(26, 62)
    long, wide = span * rng.uniform(0.95, 1.2), span * rng.uniform(0.052, 0.06)
    stations = [(-0.5, 0.06, 0.1, -0.7), (-0.3, 0.7, 0.7, -0.3), (-0.15, 1, 1, 0), (0.38, 1, 1, 0),
                (0.45, 0.75, 0.75, 0.1), (0.5, 0.05, 0.05, 0.3)]  # fmt: skip
    body = hull(np.array(stations) * (long, wide, wide, wide), _BODY, 18)
    half = [(0, 0.033, 0.12, 0.2, 0.03), (0.18, 0, -0.01, 0.11, 0.013), (0.5, -0.04, -0.23, 0.05, 0.004)]
    wing, back = panel(_both(span * np.array(half)), _WING), -0.4 * long
    half = [(0, -0.028, 0.02, 0.09, 0.01), (0.17, -0.05, -0.1, 0.04, 0.003)]
    tail = panel(_both(span * np.array(half)), _WING).shifted(0, 0, back)
    fin = _fin(0.17 * span, 0.12 * span, back + 0.03 * span).shifted(0, -0.7 * wide, 0)
    places = [0.17, 0.32] if rng.random() < 0.15 else [0.17]
    engines = [_engine(0.03 * span).shifted(side * place * span, 0.55 * wide, 0.06 * span - 0.3 * place * span)
               for place in places for side in (-1, 1)]  # fmt: skip
    livery = _LIVERIES[rng.integers(len(_LIVERIES))]
    white = (0.75, 0.76, 0.78) if rng.random() < 0.8 else livery
    paints = (Paint(white, 0.3), Paint((0.45, 0.46, 0.48), 0.3), Paint(livery, 0.3), Paint((0.1, 0.1, 0.11), 0.2))
    return Body('airplane', 'wing', fixed(merge([body, wing, tail, fin, *engines])), paints, (80.0, 230.0))


def _engine(radius: float) -> Mesh:
    return hull(radius * np.array([(-2.2, 0.5, 0.5, 0), (0, 1, 1, 0), (1.4, 1, 1, 0), (1.4, 0.1, 0.1, 0)]), _DARK, 10)


def light_aircraft(rng: np.random.Generator) -> Body:
    """A single-engined aircraft of 8 to 12 m span, its wing above or below."""
    span = rng.uniform(8, 12)
    long, wide, above = 0.75 * span, 0.055 * span, rng.random() < 0.6
    body = hull(np.array([(-0.55, 0.12, 0.25, -0.3), (-0.1, 0.8, 1, 0), (0.1, 1, 1.3, -0.1), (0.25, 0.9, 0.9, 0.2),
                          (0.42, 0.55, 0.6, 0.2)]) * (long, wide, wide, wide), _BODY)  # fmt: skip
    y = -1.3 * wide if above else 0.8 * wide
    wing = _wings(span, 0.14 * span, y, 0.2 * long, sweep=0.02, rise=0.03 if above else 0.1, taper=0.75)
    back = -0.42 * long
    half = [(0, 0, 0, 0.09, 0.009), (0.16, 0, 0, 0.06, 0.005)]
    tail = panel(_both(span * np.array(half)), _WING).shifted(0, -0.4 * wide, back)
    legs = [tube(np.array([(0.25 * x, 0.8 * wide, z), (x, 2.4 * wide, z)]), 0.25 * wide, _DARK)
            for x, z in ((-2 * wide, 0), (2 * wide, 0), (0, 0.33 * long))]  # fmt: skip
    fin = _fin(0.14 * span, 0.11 * span, back + 0.02 * span).shifted(0, -0.5 * wide, 0)
    stripe = _LIVERIES[rng.integers(len(_LIVERIES))]
    paints = (Paint((0.75, 0.75, 0.74), 0.2), Paint((0.72, 0.72, 0.72) if rng.random() < 0.7 else stripe, 0.2),
              Paint(stripe, 0.2), Paint((0.06, 0.06, 0.06)))  # fmt: skip
    hub = np.array([0, 0.2 * wide, 0.44 * long])
    rotor = Rotor(hub, _AHEAD, 0.09 * span, 0.016 * span, 2, 40.0, rng.random(), (0.05,) * 3)
    return Body('airplane', 'wing', fixed(merge([body, wing, tail, fin, *legs])), paints, (40.0, 75.0), (rotor,))
