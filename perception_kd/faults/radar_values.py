"""Radars that measure wrongly: return power and Doppler. Severities are ours."""

from __future__ import annotations

import numpy as np

from perception_kd.faults.base import Draw, Fault, check_positive, check_share
from perception_kd.faults.radar_points import COLUMN, COMPENSATED, MEASURED, line_of_sight
from perception_kd.registry import FAULTS


@FAULTS.register_module()
class RadarRcsOffset(Fault):
    """RCS that is off by the same for all points, as after rain on the radome or a repair of the bumper.

    Args:
        offset_db: In dB.
    """

    sensor = 'radar'
    LEVELS_OF = {'easy': dict(offset_db=-3.0), 'moderate': dict(offset_db=-6.0), 'hard': dict(offset_db=-12.0)}

    def __init__(self, *, offset_db: float) -> None:
        self.offset_db = offset_db

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 18), other ``rcs``."""
        data[:, COLUMN['rcs']] += self.offset_db
        return data


@FAULTS.register_module()
class RadarRcsNoise(Fault):
    """Normal noise on every RCS.

    Args:
        std_db: Its standard deviation in dB.
    """

    sensor = 'radar'
    LEVELS_OF = {'easy': dict(std_db=3.0), 'moderate': dict(std_db=6.0), 'hard': dict(std_db=12.0)}

    def __init__(self, *, std_db: float) -> None:
        check_positive('RadarRcsNoise', std_db=std_db)
        self.std_db = std_db

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 18), other ``rcs``."""
        data[:, COLUMN['rcs']] += self.std_db * draw.here.standard_normal(len(data), np.float32)
        return data


@FAULTS.register_module()
class DopplerSign(Fault):
    """Velocities of the wrong sign.

    Args:
        share: The chance of each point; 1 is a mistake of convention.
        measured: The radar errs, before the own motion is compensated: resting things then seem to move at twice the
            own speed. Else what it puts out is turned over, compensated velocities too.
    """

    sensor = 'radar'
    LEVELS_OF = {'easy': dict(share=0.1), 'moderate': dict(share=0.5), 'hard': dict(share=1.0)}

    def __init__(self, *, share: float = 1.0, measured: bool = False) -> None:
        check_share('DopplerSign', share=share)
        self.share, self.measured = share, measured

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 18), other ``vx``, ``vy``, ``vx_comp`` and ``vy_comp``."""
        wrong = (draw.here.random(len(data)) < self.share).astype(data.dtype)[:, None]
        data[:, COMPENSATED] -= 2 * wrong * data[:, MEASURED if self.measured else COMPENSATED]
        data[:, MEASURED] -= 2 * wrong * data[:, MEASURED]
        return data


@FAULTS.register_module()
class DopplerNoise(Fault):
    """Normal noise on every radial velocity.

    Args:
        std: Its standard deviation (m/s); the radars of nuScenes promise 0.1.
    """

    sensor = 'radar'
    LEVELS_OF = {'easy': dict(std=0.5), 'moderate': dict(std=1.0), 'hard': dict(std=2.0)}

    def __init__(self, *, std: float) -> None:
        check_positive('DopplerNoise', std=std)
        self.std = std

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 18), other ``vx``, ``vy``, ``vx_comp`` and ``vy_comp``."""
        noise = self.std * draw.here.standard_normal((len(data), 1), np.float32) * line_of_sight(data)
        data[:, MEASURED] += noise
        data[:, COMPENSATED] += noise
        return data
