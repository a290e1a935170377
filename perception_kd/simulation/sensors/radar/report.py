"""What a radar says about its detections: noise, quantisation, quality and states, in nuScenes' 18 fields.

The codes are those that nuscenes-devkit documents (``RadarPointCloud.from_file``).
"""

from dataclasses import dataclass

import numpy as np

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS
from perception_kd.simulation.poses import dot
from perception_kd.simulation.sensors.radar.detection import Detections
from perception_kd.simulation.sensors.radar.paths import HALF_FIELD, View
from perception_kd.simulation.sensors.radar.states import ambiguity, dynamics, false_alarm_level, validity

_POSITION_STEP, _RATE_STEP, _RCS_STEP = 0.2, 0.25, 0.5
_RANGE_NOISE, _AZIMUTH_NOISE, _RATE_NOISE = 0.1, np.deg2rad(0.3), 0.06
"""Standard deviations straight ahead of a strong echo."""
UNAMBIGUOUS = 19.5
"""Radial speeds that differ by this many m/s look alike to one ramp of the radar."""


@dataclass
class Precision:
    """Standard deviations (N,): range in m, azimuth in rad, speed in m/s."""

    range: np.ndarray
    azimuth: np.ndarray
    rate: np.ndarray


def precision(azimuth: np.ndarray, snr: np.ndarray) -> Precision:
    """Errors grow away from boresight and for weak echoes (snr in dB)."""
    side, weak = (azimuth / HALF_FIELD) ** 2, np.sqrt(1 + 10 ** ((14 - snr) / 10))
    return Precision(
        _RANGE_NOISE * weak * (1 + 0.5 * side),
        _AZIMUTH_NOISE * weak * (1 + 2.5 * side),
        _RATE_NOISE * weak * (1 + side),
    )


def describe(found: Detections, view: View, rng: np.random.Generator) -> np.ndarray:
    """(18, N) in the order of ``RADAR_FIELDS``."""
    echoes, count = found.echoes, len(found.snr)
    error = precision(echoes.azimuth, found.snr)
    distance = echoes.range + error.range * rng.standard_normal(count)
    azimuth = echoes.azimuth + error.azimuth * rng.standard_normal(count)
    noise = error.rate * rng.standard_normal(count)
    ambiguous, turns = ambiguity(found, rng)
    rate = echoes.rate + noise + UNAMBIGUOUS * turns
    along = rate + dot(view.heading(azimuth), view.own)
    ray = np.stack([np.cos(azimuth), np.sin(azimuth)])
    columns = dict.fromkeys(RADAR_FIELDS, np.zeros(count))
    columns['x'], columns['y'] = np.round(distance * ray / _POSITION_STEP) * _POSITION_STEP
    columns['vx'], columns['vy'] = np.round(rate * ray / _RATE_STEP) * _RATE_STEP
    columns['vx_comp'], columns['vy_comp'] = along * ray
    columns['rcs'] = np.clip(np.round(echoes.rcs / _RCS_STEP) * _RCS_STEP, -20, 50)
    columns['dyn_prop'] = dynamics(found, along, view, rng)
    columns['id'] = np.arange(count)
    columns['ambig_state'] = ambiguous
    state = validity(found, columns['rcs'], rng)
    columns['invalid_state'], columns['pdh0'] = state, false_alarm_level(found, state, rng)
    columns['is_quality_valid'] = (columns['pdh0'] < 5).astype(float)
    columns |= _error_codes(echoes.range, echoes.azimuth, error)
    return np.stack([columns[name] for name in RADAR_FIELDS])


def _error_codes(distance: np.ndarray, azimuth: np.ndarray, error: Precision) -> dict[str, np.ndarray]:
    """The four rms fields: numbers of steps that grow by half from one to the next, in the range of values
    that nuScenes' files show (x 19..22, y 19..29, vx 16..19, vy 3)."""
    cos, sin = np.abs(np.cos(azimuth)), np.abs(np.sin(azimuth))
    x = np.hypot(error.range * cos, distance * error.azimuth * sin)
    y = np.hypot(error.range * sin, distance * error.azimuth * cos)
    return {
        'x_rms': 19 + _steps(x, 0.25),
        'y_rms': 19 + _steps(y, 0.35),
        'vx_rms': 16 + np.minimum(_steps(error.rate, 0.09), 3),
        'vy_rms': np.full(len(distance), 3.0),
    }


def _steps(value: np.ndarray, least: float) -> np.ndarray:
    """Steps (N,) 0..10 of a factor 1.5 above ``least``."""
    return np.clip(np.ceil(np.log(value / least) / np.log(1.5)), 0, 10)
