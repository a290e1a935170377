"""Helicopters."""

import numpy as np

from perception_kd.simulation.stereo.meshes import cylinder, ellipsoid, merge, tube
from perception_kd.simulation.uav.bodies.body import Body, Colour, Paint, Rotor, fixed, hull, panel

_COLOURS: tuple[Colour, ...] = ((0.6, 0.03, 0.02), (0.02, 0.04, 0.14), (0.7, 0.7, 0.7), (0.65, 0.45, 0.02),
                                (0.06, 0.08, 0.04), (0.03, 0.03, 0.035))  # fmt: skip
_BODY, _GLASS, _TAIL, _DARK = range(4)


def helicopter(rng: np.random.Generator) -> Body:
    """A helicopter of 9 to 16 m length with skids or wheels."""
    long = rng.uniform(9, 16)
    wide, high = long * rng.uniform(0.065, 0.08), long * rng.uniform(0.075, 0.095)
    cabin = hull([(-0.16 * long, 0.25 * wide, 0.3 * high, -0.5 * high), (-0.04 * long, wide, 0.95 * high, -0.05 * high),
                  (0.12 * long, wide, high, 0), (0.22 * long, 0.75 * wide, 0.7 * high, 0.2 * high),
                  (0.28 * long, 0.05 * wide, 0.05 * high, 0.35 * high)], _BODY)  # fmt: skip
    glass = ellipsoid((0.85 * wide, 0.75 * high, 0.1 * long), _GLASS, 8).shifted(0, -0.1 * high, 0.17 * long)
    boom = tube(np.array([(0, -0.55 * high, -0.1 * long), (0, -0.7 * high, -0.55 * long)]),
                np.array([0.035, 0.015]) * long, _TAIL)  # fmt: skip
    top = -0.7 * high
    fin = [(0, 0.06, -0.52, 0.05, 0.01), (0, 0, -0.5, 0.07, 0.012), (0, -0.12, -0.56, 0.05, 0.006)]
    fin = panel(long * np.array(fin), _TAIL, upright=True).shifted(0, top, 0)
    stabiliser = [(side, 0, -0.45, 0.04, 0.004) for side in (-0.09, 0.09)]
    stabiliser = panel(long * np.array(stabiliser), _TAIL).shifted(0, top, 0)
    mast = cylinder(0.012 * long, 0.07 * long, _DARK, 8).shifted(0, -0.9 * high, 0.04 * long)
    engine = ellipsoid((0.6 * wide, 0.35 * high, 0.13 * long), _BODY, 8).shifted(0, -1.0 * high, 0)
    parts = [cabin, glass, boom, fin, stabiliser, mast, engine, *_gear(rng, long, wide, high)]
    paint = _COLOURS[rng.integers(len(_COLOURS))]
    tail = paint if rng.random() < 0.6 else _COLOURS[rng.integers(len(_COLOURS))]
    paints = (Paint(paint, 0.25), Paint((0.02, 0.03, 0.04), 0.6), Paint(tail, 0.25), Paint((0.03, 0.03, 0.03)))
    return Body('helicopter', 'hover', fixed(merge(parts)), paints, (0.0, 55.0), _rotors(rng, long, high))


def _gear(rng: np.random.Generator, long: float, wide: float, high: float) -> list:
    if rng.random() < 0.35:
        return [ellipsoid((0.3 * wide, 0.25 * high, 0.25 * high), _DARK, 6).shifted(x * wide, 1.1 * high, z * long)
                for x, z in ((-1, -0.05), (1, -0.05), (0, 0.17))]  # fmt: skip
    parts, thin, foot = [], 0.006 * long, 1.55 * high
    for side in (-1.3 * wide, 1.3 * wide):
        parts.append(tube(np.array([(side, foot, -0.1 * long), (side, foot, 0.2 * long)]), thin, _DARK))
        parts += [tube(np.array([(0.4 * side, 0.8 * high, z), (side, foot, z)]), thin, _DARK)
                  for z in (-0.03 * long, 0.13 * long)]  # fmt: skip
    return parts


def _rotors(rng: np.random.Generator, long: float, high: float) -> tuple[Rotor, Rotor]:
    blades = int(rng.integers(2, 6))
    hub, up = np.array([0, -0.9 * high - 0.07 * long, 0.04 * long]), np.array([0, -1.0, 0])
    main = Rotor(hub, up, 0.47 * long, 0.03 * long, blades, rng.uniform(5.5, 7.5), rng.random(), (0.04,) * 3)
    tail = Rotor(np.array([0.03 * long, -0.7 * high - 0.06 * long, -0.57 * long]), np.array([1.0, 0, 0]), 0.085 * long,
                 0.016 * long, 2, 33.0, rng.random(), (0.06,) * 3)  # fmt: skip
    return main, tail
