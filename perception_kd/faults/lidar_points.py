"""LiDARs that see less than they should, or nothing. Kinds as in Robo3D (arXiv:2303.17597) and MultiCorrupt
(arXiv:2402.11677); severities are ours, for 32 beams."""

from __future__ import annotations

from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.formats import LIDAR_FIELDS
from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL
from perception_kd.faults.base import Draw, Draws, Fault, ShareFault, check_positive, check_share
from perception_kd.registry import FAULTS

INTENSITY, RING = LIDAR_FIELDS.index('intensity'), LIDAR_FIELDS.index('ring')
MAX_INTENSITY = 255.0


@FAULTS.register_module()
class LidarLost(Fault):
    """No points at all, in no sweep."""

    sensor = 'lidar'

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Marks ``lidar_points`` as ``lost`` and takes the sweeps out."""
        frame['lidar_points']['lost'], frame['lidar_sweeps'] = True, []


@FAULTS.register_module()
class LidarSweepsLost(ShareFault):
    """Every sweep but the key frame's is lost by itself.

    Args:
        share: The chance of each.
    """

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(share=0.5), 'moderate': dict(share=0.8), 'hard': dict(share=1.0)}

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Takes sweeps out of ``lidar_sweeps``."""
        frame['lidar_sweeps'] = [
            sweep for sweep in frame.get('lidar_sweeps', ())
            if draws(LIDAR_CHANNEL, sweep['lidar_points']['lidar_path']).here.random() >= self.share]


@FAULTS.register_module()
class BeamDrop(Fault):
    """Fewer beams, evenly spread over those that there were.

    Args:
        keep: How many are left.
        beams: How many there were; ring numbers are 0 to ``beams - 1``.
    """

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(keep=16), 'moderate': dict(keep=8), 'hard': dict(keep=4)}

    def __init__(self, *, keep: int, beams: int = 32) -> None:
        if not 0 < keep <= beams:
            raise ValueError(f'BeamDrop: keep must be 1 to {beams}, got {keep}')
        self._kept = ((np.arange(keep) + 0.5) * beams / keep).astype(int)

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 5) -> fewer."""
        return data[np.isin(data[:, RING], self._kept)]


@FAULTS.register_module()
class LidarDrop(ShareFault):
    """Every point is lost by itself.

    Args:
        share: The chance of each.
    """

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(share=0.5), 'moderate': dict(share=0.75), 'hard': dict(share=0.9)}

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 5) -> fewer."""
        return data[draw.here.random(len(data)) >= self.share]


@FAULTS.register_module()
class LidarSector(Fault):
    """A sector sees nothing for a whole scene, as behind dirt.

    Args:
        width_deg: Of the sector, whose middle is drawn.
    """

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(width_deg=60.0), 'moderate': dict(width_deg=120.0), 'hard': dict(width_deg=240.0)}

    def __init__(self, *, width_deg: float) -> None:
        check_positive('LidarSector', width_deg=width_deg)
        self.width_deg = width_deg

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 5) -> fewer."""
        middle = draw.lasting.uniform(-180, 180)
        aside = (np.rad2deg(np.arctan2(data[:, 1], data[:, 0])) - middle + 180) % 360 - 180
        return data[np.abs(aside) >= self.width_deg / 2]


@FAULTS.register_module()
class LidarJitter(Fault):
    """Normal noise on every position.

    Args:
        std: Its standard deviation along each axis (m).
    """

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(std=0.03), 'moderate': dict(std=0.1), 'hard': dict(std=0.3)}

    def __init__(self, *, std: float) -> None:
        check_positive('LidarJitter', std=std)
        self.std = std

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 5), other x, y, z."""
        data[:, :3] += self.std * draw.here.standard_normal((len(data), 3), np.float32)
        return data


@FAULTS.register_module()
class LidarIntensity(Fault):
    """Intensities of another gain and offset; gain 0 loses them.

    Args:
        gain: Multiplied.
        offset: Then added, of 255.
    """

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(gain=0.7), 'moderate': dict(gain=0.3), 'hard': dict(gain=0.0)}

    def __init__(self, *, gain: float = 1.0, offset: float = 0.0) -> None:
        check_positive('LidarIntensity', gain=gain)
        self.gain, self.offset = gain, offset

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 5), other intensity in 0..255."""
        data[:, INTENSITY] = np.clip(self.gain * data[:, INTENSITY] + self.offset, 0, MAX_INTENSITY)
        return data


@FAULTS.register_module()
class LidarCrosstalk(Fault):
    """Pulses of another LIDAR: points at any range along their own beam, with any intensity.

    Args:
        share: The chance of each point.
        farthest: Largest range (m).
    """

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(share=0.01), 'moderate': dict(share=0.03), 'hard': dict(share=0.1)}

    def __init__(self, *, share: float, farthest: float = 60.0) -> None:
        check_share('LidarCrosstalk', share=share)
        self.share, self.farthest = share, farthest

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 5), some of them elsewhere."""
        chance, reach, strength = draw.here.random((3, len(data)), np.float32)
        hit = chance < self.share
        move_along(data, hit, 1.0 + reach[hit] * (self.farthest - 1.0))
        data[hit, INTENSITY] = strength[hit] * MAX_INTENSITY
        return data


@FAULTS.register_module()
class LidarMotion(Fault):
    """The own motion during a turn of the LiDAR is not compensated.

    A turn begins and ends behind the car and ends at the sweep's time; each point lies where the LiDAR saw it from its
    place of that moment.

    Args:
        speed: Of the car (m/s), forwards.
        yaw_rate_deg: Of the car (degrees/s, counter-clockwise).
        period: Of a turn (s).
    """

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(speed=5.0, yaw_rate_deg=5.0), 'moderate': dict(speed=10.0, yaw_rate_deg=10.0),
                 'hard': dict(speed=20.0, yaw_rate_deg=20.0)}

    def __init__(self, *, speed: float, yaw_rate_deg: float = 0.0, period: float = 0.05) -> None:
        check_positive('LidarMotion', period=period)
        self.speed, self.yaw_rate_deg, self.period = speed, yaw_rate_deg, period

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 5), other x and y."""
        forward = draw.info['lidar2ego'][0, :2]  # the car's x axis, in the LiDAR's frame
        ahead, left = data[:, :2] @ forward, data[:, :2] @ [-forward[1], forward[0]]
        # Clockwise from behind: 1 at the turn's beginning, 0 at its end.
        before = self.period * (np.arctan2(left, ahead) + np.pi) / (2 * np.pi)
        turn = np.deg2rad(self.yaw_rate_deg) * before
        x, y = data[:, 0].copy(), data[:, 1].copy()
        data[:, 0] = np.cos(turn) * x - np.sin(turn) * y + self.speed * before * forward[0]
        data[:, 1] = np.sin(turn) * x + np.cos(turn) * y + self.speed * before * forward[1]
        return data


def move_along(points: np.ndarray, which: np.ndarray, reach: np.ndarray) -> None:
    """Put some of the points (N, 5) elsewhere on their beams, in place.

    Args:
        which: (N,) bool, K of them.
        reach: (K,) new distances from the LiDAR (m).
    """
    distance = np.linalg.norm(points[which, :3], axis=1)
    points[which, :3] *= (reach / np.maximum(distance, 1e-3))[:, None]
