"""What years do to a roadway: repaired patches, cracks, manholes."""

import numpy as np

from perception_kd.simulation.patterns import cell_hash, smooth_noise
from perception_kd.simulation.road import LANE_WIDTH

_NEAR = 0.12
"""Footprint in m beyond which nothing of it can be seen."""


def mended(s: np.ndarray, d: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Tone (N,) of asphalt at (s, d) m of the road, 1 where nothing was done to it."""
    tone = np.ones_like(s)
    near = np.flatnonzero(footprint < _NEAR)
    if len(near):
        s, d, footprint = s.take(near), d.take(near), footprint.take(near)
        tone[near] = _cracks(s, d, footprint)
        for share, length, works in ((0.17, 8.0, _patches), (0.33, 17.0, _manholes)):
            column, row = np.floor(s / length), np.floor(d / LANE_WIDTH)
            lot = cell_hash(column, row, np.full_like(s, length))
            few = np.flatnonzero(lot < share)
            places = s.take(few) - length * column.take(few), d.take(few) - LANE_WIDTH * (row.take(few) + 0.5)
            chance = (cell_hash(column.take(few), row.take(few), np.full(len(few), number)) for number in range(3))
            tone[near.take(few)] *= works(*places, footprint.take(few), *chance)
    return tone


def _patches(
    along: np.ndarray, across: np.ndarray, footprint: np.ndarray, *chance: np.ndarray
) -> np.ndarray:
    """Rectangles of newer or older asphalt with a dark seam, one in every sixth cell of 8 m of a lane."""
    half_length, half_width = 0.5 + 2.5 * chance[0], 0.3 + chance[1]
    inside = np.minimum(half_length - np.abs(along - 4), half_width - np.abs(across))
    cover = np.clip(inside / footprint + 0.5, 0, 1)
    seam = np.clip((0.04 - np.abs(inside)) / footprint + 0.5, 0, 1) * np.minimum(1, 0.08 / footprint)
    return 1 + cover * np.where(chance[2] < 0.5, -0.20, 0.14).astype(np.float32) - 0.35 * seam


def _cracks(s: np.ndarray, d: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Thin dark lines along the level lines of noise, sealed with tar here and there."""
    level = np.abs(smooth_noise(0.23 * s + 11, 0.4 * d))
    line = np.clip((0.012 - level) / (0.6 * footprint + 0.004) + 0.5, 0, 1)
    where = np.clip(3 * smooth_noise(0.06 * s, 0.06 * d + 50) - 0.6, 0, 1)
    return 1 - 0.45 * line * where / (1 + 8 * footprint)


def _manholes(
    along: np.ndarray, across: np.ndarray, footprint: np.ndarray, *chance: np.ndarray
) -> np.ndarray:
    """Iron lids of 0.66 m with a rim, one in every third cell of 17 m of a lane."""
    radius = np.hypot(along - 2 - 13 * chance[0], across - 0.8 * (chance[1] - 0.5))
    lid = np.clip((0.33 - radius) / footprint + 0.5, 0, 1)
    rim = np.clip((0.03 - np.abs(radius - 0.3)) / footprint + 0.5, 0, 1) * np.minimum(1, 0.06 / footprint)
    return 1 - 0.30 * lid - 0.35 * rim
