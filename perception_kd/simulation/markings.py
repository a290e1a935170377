"""Paint on the roadway: lines, bays, arrows, crossings, stop lines, in road coordinates."""

import numpy as np

from perception_kd.simulation.patterns import comb, stripe
from perception_kd.simulation.road import KERB, LANE_WIDTH, LANES, ZEBRA, Road

_LINE, _STOP = 0.14, 0.35
_HALF = 2 * LANE_WIDTH


def road_markings(
    s: np.ndarray, d: np.ndarray, footprint: np.ndarray, road: Road
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage (N,) of white and of yellow paint on the main road."""
    first, last = road.crossings[0], road.crossings[-1] + ZEBRA
    free = (s - first + 0.9) * (last + 0.9 - s) <= 0
    dashes = comb(s, 9.0, 3.0, footprint)
    white = np.zeros_like(s)
    for side in (-1, 1):
        white = np.maximum(white, stripe(d, side * LANE_WIDTH, _LINE, footprint) * dashes)
        white = np.maximum(white, stripe(d, side * _HALF, _LINE, footprint))
    bays = comb(s, 6.4, 0.12, footprint) * ((np.abs(d) > _HALF) & (np.abs(d) < KERB))
    white = np.maximum(white, bays) * free
    yellow = np.maximum(stripe(d, 0.14, 0.11, footprint), stripe(d, -0.14, 0.11, footprint)) * free
    bars = comb(d, 1.1, 0.55, footprint) * (np.abs(d) < _HALF)
    for start in road.crossings:
        white = np.maximum(white, stripe(s, start + ZEBRA / 2, ZEBRA, footprint) * bars)
    stop = (
        stripe(s, first - 1.6, _STOP, footprint) * (d < 0)
        + stripe(s, last + 1.6, _STOP, footprint) * (d > 0)
    ) * (np.abs(d) < _HALF)
    for lane in LANES:
        ahead = first - 9.0 - s if lane < 0 else s - last - 9.0
        white = np.maximum(white, _arrow(ahead, d - lane, footprint))
    return np.maximum(white, stop), yellow


def side_markings(
    s: np.ndarray, d: np.ndarray, footprint: np.ndarray, half: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage (N,) of white and of yellow paint on a side street with kerbs at ``half``."""
    away = np.abs(s) - KERB
    free = away > 6.0
    centre = stripe(d, 0.0, 0.12, footprint) * free
    edges = stripe(np.abs(d), LANE_WIDTH, 0.1, footprint) * comb(s, 2.0, 1.0, footprint) * free
    zebra = stripe(away, 0.9 + 1.5, 3.0, footprint) * comb(d, 1.1, 0.55, footprint) * (np.abs(d) < half - 0.3)
    stop = stripe(away, 5.2, _STOP, footprint) * (s * d > 0) * (np.abs(d) < LANE_WIDTH)
    return np.maximum.reduce([edges, zebra, stop]), centre


def _arrow(ahead: np.ndarray, across: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Coverage (N,) of an arrow 4.5 m long that points at its own front, where ``ahead`` is 0."""
    shaft = stripe(across, 0.0, 0.16, footprint) * stripe(ahead, 3.0, 3.0, footprint)
    head = (ahead > 0) * stripe(across, 0.0, np.clip(0.62 * ahead, 0, 1), footprint) * (ahead < 1.6)
    return np.maximum(shaft, head)
