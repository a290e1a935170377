"""What years do to a roadway: repaired patches, cracks, manholes."""

import numpy as np

from perception_kd.simulation.patterns import cell_hash, smooth_noise

_NEAR = 0.12
"""Footprint in m beyond which nothing of it can be seen."""


def mended(s: np.ndarray, d: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Tone (N,) of asphalt at (s, d) m of the road, 1 where nothing was done to it."""
    tone = np.ones_like(s)
    near = np.flatnonzero(footprint < _NEAR)
    if len(near):
        s, d, footprint = s.take(near), d.take(near), footprint.take(near)
        tone[near] = _patches(s, d, footprint) * _cracks(s, d, footprint) * _manholes(s, d, footprint)
    return tone


def _patches(s: np.ndarray, d: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Rectangles of newer or older asphalt with a dark seam, one in every sixth cell of 8 by 3.5 m."""
    column, row, zero = np.floor(s / 8), np.floor(d / 3.5), np.zeros_like(s)
    lot = cell_hash(column, row, zero)
    length, width = 1.0 + 5 * cell_hash(column, row, zero + 1), 0.6 + 2 * cell_hash(column, row, zero + 2)
    inside = np.minimum(length / 2 - np.abs(s - 8 * column - 4), width / 2 - np.abs(d - 3.5 * row - 1.75))
    cover = np.clip(inside / footprint + 0.5, 0, 1)
    seam = np.clip((0.04 - np.abs(inside)) / footprint + 0.5, 0, 1) * np.minimum(1, 0.08 / footprint)
    shade = np.where(lot < 0.09, -0.20, 0.14)
    return 1 + (lot < 0.17) * (cover * shade - 0.35 * seam)


def _cracks(s: np.ndarray, d: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Thin dark lines along the level lines of noise, sealed with tar here and there."""
    level = np.abs(smooth_noise(0.23 * s + 11, 0.4 * d))
    line = np.clip((0.012 - level) / (0.6 * footprint + 0.004) + 0.5, 0, 1)
    where = np.clip(3 * smooth_noise(0.06 * s, 0.06 * d + 50) - 0.6, 0, 1)
    return 1 - 0.45 * line * where / (1 + 8 * footprint)


def _manholes(s: np.ndarray, d: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Iron lids of 0.66 m with a rim, one in every third cell of 17 by 3.5 m."""
    column, row, zero = np.floor(s / 17), np.floor(d / 3.5), np.zeros_like(s)
    has = cell_hash(column, row, zero + 5) < 0.33
    along = s - 17 * column - 2 - 13 * cell_hash(column, row, zero + 6)
    radius = np.hypot(along, d - 3.5 * row - 1.75 - 0.8 * (cell_hash(column, row, zero + 7) - 0.5))
    lid = np.clip((0.33 - radius) / footprint + 0.5, 0, 1)
    rim = np.clip((0.03 - np.abs(radius - 0.3)) / footprint + 0.5, 0, 1) * np.minimum(1, 0.06 / footprint)
    return 1 - has * (0.30 * lid + 0.35 * rim)
