"""Mistakes of the velocity: frame, sign, unit, relative to the ego car, or none predicted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perception_kd.evaluation.doctor.cures import Cure, rotated_velocity
from perception_kd.evaluation.doctor.evidence import Floats, Mask, Pairs, Trial, best
from perception_kd.evaluation.doctor.frames import Frames
from perception_kd.evaluation.fast.boxes import LABELS, BoxArrays
from perception_kd.evaluation.fast.errors import pair_errors

SPEED_FLOOR = 0.5
"""m/s of the velocity error."""
MOVING = 1.0
"""m/s from which on a direction of motion is worth something."""
UNITS = {'km/h': 1 / 3.6, 'miles per hour': 0.44704, 'm per LiDAR sweep': 20.0}
"""Factors to m/s; nothing near 1, since cautious models predict half of a velocity."""

_RESTING = (LABELS['traffic_cone'], LABELS['barrier'])


def velocity_error(truth: BoxArrays, predicted: BoxArrays) -> Floats:
    """``(N,)`` the metric's velocity error, m/s."""
    return pair_errors(truth, predicted)['vel_err']


def find_velocity(pairs: Pairs) -> Trial | None:
    """The way to read the velocities that makes them right, if they are wrong."""
    pairs = pairs.take(~np.isin(pairs.truth.label, _RESTING) & np.isfinite(pairs.truth.velocity).all(axis=1)
                       & np.isfinite(pairs.predicted.velocity).all(axis=1))
    movers = pairs.take(_fast(pairs.truth.velocity))
    found = best(movers, _turns() + _units(), velocity_error, SPEED_FLOOR)
    ego = pairs.frames.velocity[pairs.truth.frame]
    relative = best(pairs.take(_fast(ego)), _relative(), velocity_error, SPEED_FLOOR)
    return relative or found


def _fast(velocity: Floats) -> Mask:
    speed = np.linalg.norm(velocity, axis=1)
    return np.isfinite(speed) & (speed >= MOVING)


def _turns() -> list[Cure]:
    cures = [Cure('velocity_sign', 'velocities are reversed', _scaled(-1.0))]
    for name, yaw in (('LiDAR', _lidar), ('ego', _ego)):
        cures.append(Cure('velocity_frame', f'velocities are turned from the {name} frame into the global one',
                          _turned(yaw, 1)))
        cures.append(Cure('velocity_frame', f'velocities are turned back once by the heading of the {name} frame',
                          _turned(yaw, -1)))
    return cures


def _units() -> list[Cure]:
    return [Cure('velocity_unit', f'velocities are read as {name}', _scaled(factor)) for name, factor in UNITS.items()]


def _relative() -> list[Cure]:
    return [Cure('velocity_relative', "the ego car's velocity is added", _compensated(None)),
            Cure('velocity_relative', "velocities are turned from the LiDAR frame and the ego car's is added",
                 _compensated(_lidar)),
            Cure('velocity_relative', "velocities are turned from the ego frame and the ego car's is added",
                 _compensated(_ego))]


def _turned(yaw: Callable[[Frames], Floats], sign: int) -> Callable[[BoxArrays, Frames], BoxArrays]:
    return lambda boxes, frames: rotated_velocity(boxes, sign * yaw(frames)[boxes.frame])


def _scaled(factor: float) -> Callable[[BoxArrays, Frames], BoxArrays]:
    return lambda boxes, frames: boxes.replace(velocity=boxes.velocity * factor)


def _compensated(yaw: Callable[[Frames], Floats] | None) -> Callable[[BoxArrays, Frames], BoxArrays]:
    def change(boxes: BoxArrays, frames: Frames) -> BoxArrays:
        if yaw is not None:
            boxes = rotated_velocity(boxes, yaw(frames)[boxes.frame])
        return boxes.replace(velocity=boxes.velocity + np.nan_to_num(frames.velocity)[boxes.frame])
    return change


def _lidar(frames: Frames) -> Floats:
    return frames.lidar_yaw


def _ego(frames: Frames) -> Floats:
    return frames.ego_yaw
