"""What the world is made of: colours (linear RGB), LiDAR reflectivity, radar strength, gloss."""

from dataclasses import replace

import numpy as np

from perception_kd.simulation.mesh import Surface

# Texture numbers; textures.py paints them.
PLAIN, ROAD, SLABS, GRASS, FACADE, FOLIAGE, ROUGH, SIDE_ROAD = range(8)
# These are plain, and shine when they are switched on; rendering/glow.py tells how.
LAMP, HEAD, TAIL, BOARD, CABIN, STOP, GO = range(16, 23)

TYRE = Surface((0.02, 0.02, 0.022), 0.06, 0.15)
RIM = Surface((0.42, 0.43, 0.45), 0.45, 0.7, 0.25)
GLASS = Surface((0.015, 0.02, 0.025), 0.06, 0.15, 0.55, clear=0.7)
TRIM = Surface((0.03, 0.03, 0.033), 0.1, 0.6)
STEEL = Surface((0.30, 0.31, 0.33), 0.4, 0.7, 0.1)
HEADLIGHT = Surface((0.75, 0.76, 0.72), 0.7, 0.3, 0.3, HEAD)
TAILLIGHT = Surface((0.45, 0.015, 0.012), 0.75, 0.3, 0.2, TAIL)
LUMINAIRE = Surface((0.55, 0.55, 0.52), 0.3, 0.3, 0.1, LAMP)
BUS_BOARD = Surface((0.05, 0.03, 0.01), 0.1, 0.2, 0.3, BOARD)
BUS_GLASS = Surface((0.015, 0.02, 0.025), 0.06, 0.15, 0.55, CABIN, clear=0.7)
SIGNAL_RED = Surface((0.35, 0.02, 0.015), 0.3, 0.1, 0.2, STOP)
SIGNAL_AMBER = Surface((0.30, 0.16, 0.01), 0.3, 0.1, 0.2)
SIGNAL_GREEN = Surface((0.02, 0.40, 0.16), 0.3, 0.1, 0.2, GO)
SHELTER_GLASS = Surface((0.10, 0.13, 0.13), 0.08, 0.15, 0.5, clear=0.8)
PLATE = Surface((0.65, 0.65, 0.60), 1.0, 0.5)
RETRO_WHITE = Surface((0.75, 0.75, 0.75), 0.95, 0.1)
RETRO_RED = Surface((0.55, 0.02, 0.02), 0.85, 0.1)
CONE_ORANGE = Surface((0.80, 0.14, 0.015), 0.5, 0.05, 0, ROUGH)
CONCRETE = Surface((0.36, 0.35, 0.33), 0.38, 0.15, 0, ROUGH)
SKIN = Surface((0.45, 0.27, 0.19), 0.4, 0.16)
HAIR = Surface((0.04, 0.028, 0.02), 0.12, 0.1)
SHOE = Surface((0.05, 0.045, 0.04), 0.15, 0.1)
VEST = Surface((0.75, 0.85, 0.03), 0.9, 0.16)
HELMET = Surface((0.70, 0.65, 0.10), 0.5, 0.15, 0.1)
WOOD = Surface((0.10, 0.065, 0.04), 0.28, 0.25, 0, ROUGH)
FOLIAGE_GREEN = Surface((0.05, 0.12, 0.025), 0.42, 0.12, 0, FOLIAGE)
ASPHALT = Surface((0.085, 0.085, 0.088), 0.14, 0.0, 0, ROUGH)
ROADWAY = Surface((0.085, 0.085, 0.088), 0.14, 0.0, 0, ROAD)
SIDE_ROADWAY = Surface((0.085, 0.085, 0.088), 0.14, 0.0, 0, SIDE_ROAD)
KERB = Surface((0.33, 0.32, 0.30), 0.35, 0.15, 0, ROUGH)
SIDEWALK = Surface((0.27, 0.26, 0.245), 0.32, 0.0, 0, SLABS)
LAWN = Surface((0.07, 0.13, 0.028), 0.4, 0.1, 0, GRASS)

_CAR_PAINTS = [
    (0.75, 0.75, 0.75), (0.70, 0.71, 0.72), (0.03, 0.03, 0.033), (0.012, 0.012, 0.014), (0.17, 0.18, 0.19),
    (0.36, 0.37, 0.39), (0.35, 0.02, 0.02), (0.02, 0.07, 0.28), (0.03, 0.13, 0.16), (0.30, 0.24, 0.14),
    (0.05, 0.14, 0.06), (0.55, 0.30, 0.02),
]  # fmt: skip
_CARGO_PAINTS = [
    (0.72, 0.72, 0.70), (0.62, 0.63, 0.65), (0.05, 0.16, 0.42), (0.50, 0.05, 0.03), (0.08, 0.28, 0.12),
    (0.65, 0.33, 0.03), (0.22, 0.23, 0.25),
]  # fmt: skip
_CLOTHES = [
    (0.03, 0.035, 0.05), (0.06, 0.09, 0.22), (0.30, 0.03, 0.04), (0.55, 0.54, 0.50), (0.16, 0.17, 0.18),
    (0.10, 0.20, 0.12), (0.42, 0.30, 0.12), (0.02, 0.02, 0.02), (0.25, 0.06, 0.25),
]  # fmt: skip
_FACADES = [
    (0.42, 0.30, 0.20), (0.33, 0.14, 0.09), (0.50, 0.46, 0.38), (0.28, 0.28, 0.30), (0.46, 0.40, 0.28),
    (0.38, 0.22, 0.15), (0.55, 0.53, 0.50), (0.30, 0.33, 0.36),
]  # fmt: skip


def _pick(rng: np.random.Generator, colours: list, spread: float = 0.15) -> tuple[float, float, float]:
    colour = np.array(colours[rng.integers(len(colours))])
    return tuple(np.clip(colour * rng.uniform(1 - spread, 1 + spread), 0, 1).tolist())


def _painted(rng: np.random.Generator, colours: list, gloss: float, radar: float = 1.0) -> Surface:
    """Paint on metal. Its LiDAR reflectivity follows chance and how dark it is, not the class."""
    colour = _pick(rng, colours)
    bright = min(1.0, sum(colour) / 0.75)
    return Surface(colour, rng.uniform(0.12, 0.8) * (0.3 + 0.7 * bright), radar, gloss)


def car_paint(rng: np.random.Generator) -> Surface:
    """Paint of cars and two-wheelers."""
    return _painted(rng, _CAR_PAINTS, 0.12)


def cargo_paint(rng: np.random.Generator) -> Surface:
    """Paint of trucks, trailers and buses."""
    return _painted(rng, _CARGO_PAINTS, 0.05)


def machine_paint(rng: np.random.Generator) -> Surface:
    """Construction machines are yellow or orange, now and then green."""
    colours = [(0.70, 0.42, 0.02), (0.72, 0.48, 0.03), (0.70, 0.24, 0.02), (0.10, 0.3, 0.12)]
    return _painted(rng, colours, 0.05, 0.9)


def cloth(rng: np.random.Generator) -> Surface:
    """Clothes."""
    return Surface(_pick(rng, _CLOTHES), rng.uniform(0.1, 0.8), 0.16, 0, ROUGH)


def facade(rng: np.random.Generator) -> Surface:
    """A wall with windows; the seed chooses their pattern."""
    return Surface(_pick(rng, _FACADES), rng.uniform(0.2, 0.5), 0.24, 0, FACADE, int(rng.integers(1 << 16)))


def tinted(surface: Surface, factor: float) -> Surface:
    """The same surface, brighter or darker."""
    return replace(surface, colour=tuple(min(1.0, c * factor) for c in surface.colour))
