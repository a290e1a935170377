"""Sensors that are not mounted as their calibration says, all through a scene. Severities are ours."""

from __future__ import annotations

from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.poses import Matrix, inverse, move, pose_matrix
from perception_kd.faults.base import Draw, Draws, Fault, check_positive, failing
from perception_kd.registry import FAULTS

AXES = {'roll': 0, 'pitch': 1, 'yaw': 2}
"""Axes of the ego frame (x forward, y left, z up)."""


class ExtrinsicError(Fault):
    """Base: a turn by ``angle_deg`` and a shift by ``offset`` in a direction drawn for each sensor and scene.

    Args:
        angle_deg: In degrees.
        offset: In m.
        axis: Of the turn: ``roll``, ``pitch`` or ``yaw`` of the ego frame, to either side; or ``any``.
        sensors: How many of the rig's are off; None: all.
    """

    LEVELS_OF = {'easy': dict(angle_deg=0.5, offset=0.05), 'moderate': dict(angle_deg=1.0, offset=0.1),
                 'hard': dict(angle_deg=2.0, offset=0.2)}

    def __init__(self, *, angle_deg: float, offset: float = 0.0, axis: str = 'any',
                 sensors: int | None = None) -> None:
        check_positive(type(self).__name__, offset=offset)
        if axis not in (*AXES, 'any'):
            raise ValueError(f'{type(self).__name__}: axis must be any, {", ".join(AXES)}, got {axis!r}')
        self.angle_deg, self.offset, self.axis, self.sensors = angle_deg, offset, axis, sensors

    def motion(self, draw: Draw, sensor2ego: Matrix) -> Matrix:
        """(4, 4): where the calibration takes a point of the sensor's frame to be, in that frame."""
        turn, shift = draw.lasting.standard_normal((2, 3))
        turn, shift = turn / np.linalg.norm(turn), shift / np.linalg.norm(shift)
        if self.axis != 'any':
            turn = np.sign(turn[0]) * sensor2ego[AXES[self.axis], :3]
        half = np.deg2rad(self.angle_deg) / 2
        return pose_matrix(self.offset * shift, (np.cos(half), *(np.sin(half) * turn)))


@FAULTS.register_module()
class CameraExtrinsic(ExtrinsicError):
    """Wrong ``lidar2cam`` and ``cam2ego``; the pictures stay."""

    sensor = 'camera'

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Changes the matrices in ``images``."""
        for channel in failing(frame['images'], self.sensors, 'camera', draws('all cameras')):
            camera = frame['images'][channel]
            wrong = self.motion(draws(channel), camera['cam2ego'])
            camera['lidar2cam'], camera['cam2ego'] = inverse(wrong) @ camera['lidar2cam'], camera['cam2ego'] @ wrong


@FAULTS.register_module()
class RadarExtrinsic(ExtrinsicError):
    """Wrong ``radar2lidar`` and ``radar2ego``; the points stay."""

    sensor = 'radar'

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Changes the matrices in ``radar_points``, the same in all sweeps of a radar."""
        for channel in failing(frame['radar_points'], self.sensors, 'radar', draws('all radars')):
            radar = frame['radar_points'][channel]
            wrong = self.motion(draws(channel), radar['radar2ego'])
            radar['radar2ego'] = radar['radar2ego'] @ wrong
            for sweep in (radar, *radar['sweeps']):
                sweep['radar2lidar'] = sweep['radar2lidar'] @ wrong


@FAULTS.register_module()
class LidarExtrinsic(ExtrinsicError):
    """Wrong points: the LiDAR's frame is the one that everything else is given in, so its calibration stays."""

    sensor = 'lidar'

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 5), other x, y, z."""
        data[:, :3] = move(self.motion(draw, draw.info['lidar2ego']), data)
        return data
