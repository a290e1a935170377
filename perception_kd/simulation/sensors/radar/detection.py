"""Which echoes a radar finds: strong enough, at their moment, and not next to a stronger one."""

from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.patterns import smooth_noise
from perception_kd.simulation.sensors.radar.echoes import AZIMUTH_CELL, DIRECT, RATE_CELL, Echoes
from perception_kd.simulation.sensors.radar.paths import HALF_FIELD, View
from perception_kd.simulation.world import SCENERY

MAX_RETURNS = 125
THRESHOLD = 12.0
"""Signal to noise ratio in dB at which every second echo is detected."""
_LEAST_RCS, _NEAR_FIELD = -9.0, 20.0
_EDGE_LOSS, _RAIN_LOSS = 9.0, 0.04
_FADE, _FADE_TIME = 3.0, 0.35
_MISSED = 0.04


@dataclass
class Detections:
    """Echoes that were found, nearest first.

    Args:
        echoes: N of them; power with its fluctuation.
        snr: (N,) signal to noise ratio in dB.
        beside: (N,) excess in dB of the strongest echo in the cells next to it.
        child: (N,) excess in dB of the strongest echo at its range and speed, in any direction.
    """

    echoes: Echoes
    snr: np.ndarray
    beside: np.ndarray
    child: np.ndarray


def detect(echoes: Echoes, view: View, rng: np.random.Generator) -> Detections:
    """At most ``MAX_RETURNS`` of the echoes."""
    echoes.power = echoes.power * _fluctuation(echoes, view, rng)
    snr = signal_to_noise(echoes, view.snapshot.world.light.rain)
    chance = (1 - _MISSED) / (1 + np.exp(np.clip(THRESHOLD - snr, -50, 50) / 1.2))
    found = np.flatnonzero(rng.random(len(snr)) < chance)
    echoes, snr = echoes.chosen(found), snr[found]
    beside, child = _neighbours(echoes)
    kept = np.flatnonzero((beside < 3) | (rng.random(len(snr)) < 0.45))
    strongest = kept[np.argsort(-snr[kept], kind='stable')][:MAX_RETURNS]
    order = strongest[np.argsort(echoes.range[strongest], kind='stable')]
    return Detections(echoes.chosen(order), snr[order], beside[order], child[order])


def signal_to_noise(echoes: Echoes, rain: float) -> np.ndarray:
    """(N,) in dB. Near echoes are damped and far ones get the narrow beam's gain, so that the least detectable
    cross-section grows much more slowly than with the fourth power of range; it fades to the sides."""
    reach = 5 * np.log10(1 + (echoes.range / _NEAR_FIELD) ** 2)
    side = _EDGE_LOSS * (echoes.azimuth / HALF_FIELD) ** 2
    return THRESHOLD + echoes.rcs - _LEAST_RCS - reach - side - _RAIN_LOSS * rain * echoes.range


def _fluctuation(echoes: Echoes, view: View, rng: np.random.Generator) -> np.ndarray:
    """Factor (N,) of power: Swerling's third case for each echo, and a slow fading of each object as a whole,
    which lasts over several sweeps."""
    time, count = view.snapshot.time, len(echoes.power)
    street = view.snapshot.world.light.drift
    fade = smooth_noise(np.full(count, time / _FADE_TIME + street), 3.0 * echoes.owner + street)
    slow = np.where(echoes.owner == SCENERY, 0, _FADE * fade)
    return rng.gamma(2.0, 0.5, count) * 10 ** (slow / 10)


def _neighbours(echoes: Echoes) -> tuple[np.ndarray, np.ndarray]:
    """How much stronger (N,) in dB the strongest is among the adjacent cells, and among all of this range."""
    rcs, sine = echoes.rcs, np.sin(echoes.azimuth)
    excess = rcs[None] - rcs[:, None]
    same = np.abs(echoes.rate[None] - echoes.rate[:, None]) < 1.5 * RATE_CELL
    gap = np.abs(echoes.range[None] - echoes.range[:, None])
    close = np.abs(sine[None] - sine[:, None]) < 1.6 * np.sin(AZIMUTH_CELL)
    near, level = same & (gap < 1.3) & close, same & (gap < 0.8)
    if not len(rcs):
        return np.zeros(0), np.zeros(0)
    return np.where(near, excess, 0).max(1), np.where(level & (echoes.cause == DIRECT), excess, 0).max(1)
