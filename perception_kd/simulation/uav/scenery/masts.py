"""Lamp posts, masts, chimneys, and lines between pylons."""

from itertools import pairwise

import cv2
import numpy as np

from perception_kd.simulation.uav.panorama import Layer
from perception_kd.simulation.uav.scenery.land import Place
from perception_kd.simulation.uav.weather import srgb

_FINE = 4
_COLOURS = ((120, 122, 124), (200, 200, 198), (60, 62, 60), (110, 90, 70))


def paint_mast(rng: np.random.Generator, place: Place, distance: float) -> Layer | None:
    """Something tall and thin, somewhere."""
    grid = place.grid
    tall, width = rng.uniform(6, 16), rng.uniform(0.08, 0.25)
    azimuth = grid.left + rng.uniform(0.05, 0.95) * grid.width * grid.pitch
    arm = rng.uniform(0.5, 2.0) * rng.choice([-1, 0, 1])
    lines = [((0, 0), (0, tall), width)]
    if arm:
        lines += [((0, tall), (arm, tall + 0.3), 0.6 * width),
                  ((arm, tall + 0.3), (1.5 * arm, tall + 0.25), 1.4 * width)]  # fmt: skip
    return _draw(rng, place, azimuth, distance, lines)


def paint_wires(rng: np.random.Generator, place: Place, distance: float) -> Layer | None:
    """Two to four wires that sag across the whole view, and the poles that hold them."""
    grid = place.grid
    reach = grid.width * grid.pitch * distance
    apart, tall = rng.uniform(0.4, 0.9) * min(reach, 80), rng.uniform(7, 11)
    first = rng.uniform(-0.5, 0.5) * apart - reach / 2
    poles = np.arange(first, first + reach + 2 * apart, apart)
    lines = [((x, 0), (x, tall + 0.6), 0.28) for x in poles]
    for wire in range(int(rng.integers(2, 5))):
        high = tall - 0.55 * wire
        for x in poles:
            share = np.linspace(0, 1, 13)
            sag = high - 4 * share * (1 - share) * 0.018 * apart
            points = np.stack([x + share * apart, sag], 1)
            lines += [(tuple(a), tuple(b), 0.025) for a, b in pairwise(points)]
    return _draw(rng, place, grid.left + grid.width * grid.pitch / 2, distance, lines)


def _draw(rng: np.random.Generator, place: Place, azimuth: float, distance: float, lines: list) -> Layer | None:
    """Lines ((x, y), (x, y), width) in m from a foot point at an azimuth."""
    grid = place.grid
    metre = 1 / (distance * grid.pitch)
    column, foot = (azimuth - grid.left) / grid.pitch, grid.row(-np.arctan2(place.height, distance))
    ends = np.array([[start, end] for start, end, _ in lines]) * (metre, -metre) + (column, foot)
    low, high = np.floor(ends.min((0, 1)) - 2), np.ceil(ends.max((0, 1)) + 2)
    left, top = np.clip(low, 0, (grid.width, grid.height)).astype(int)
    right, bottom = np.clip(high, 0, (grid.width, grid.height)).astype(int)
    if right - left < 2 or bottom - top < 2:
        return None
    canvas = np.zeros(((bottom - top) * _FINE, (right - left) * _FINE), np.uint8)
    for (start, end), (_, _, width) in zip((ends - (left, top)) * _FINE, lines):
        wide = width * metre * _FINE
        corners = np.clip(np.rint(16 * np.stack([start, end])), -500_000, 500_000).astype(int).tolist()
        cv2.line(canvas, *map(tuple, corners), int(255 * min(wide, 1)), max(round(wide), 1), cv2.LINE_AA, 4)
    alpha = cv2.resize(canvas, (right - left, bottom - top), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    colour = place.lit(srgb(*_COLOURS[rng.integers(len(_COLOURS))]), 0.45)
    return place.layer(distance, np.broadcast_to(colour, (*alpha.shape, 3)), alpha, int(top), int(left))
