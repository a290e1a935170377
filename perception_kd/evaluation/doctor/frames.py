"""Where sensor and ego car are in each key frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import yaws_of
from perception_kd.evaluation.fast.boxes import BoxArrays

LONGEST_STEP, USUAL_STEP = 1.5, 0.5
"""s between key frames."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Frames:
    """F key frames.

    Args:
        lidar2global: ``(F, 4, 4)`` of the LiDAR sweep.
        ego2global: ``(F, 4, 4)`` at the time of the LiDAR sweep.
        velocity: ``(F, 2)`` of the ego car, global frame, m/s; NaN where no other key frame is near.
        group: ``(F,)`` stretches of drive: what a mistake has to be seen in again and again.
        previous, following: ``(F,)`` place of the neighbouring key frame; -1: none near.
        step: s between key frames, the median.
    """

    lidar2global: Floats
    ego2global: Floats
    velocity: Floats
    group: Ints
    previous: Ints
    following: Ints
    step: float

    @classmethod
    def make(cls, lidar2global: Floats, ego2global: Floats, time: Floats, scene: Ints) -> Frames:
        """From poses ``(F, 4, 4)``, times ``(F,)`` in s and numbers of the scenes ``(F,)``."""
        previous, following = neighbours(time, scene)
        own = np.arange(len(time))
        first, last = (np.where(other >= 0, other, own) for other in (previous, following))
        with np.errstate(invalid='ignore'):
            velocity = (ego2global[last, :2, 3] - ego2global[first, :2, 3]) / (time[last] - time[first])[:, None]
        steps = (time[following] - time)[following >= 0]
        return cls(lidar2global, ego2global, velocity, stretches(scene, time), previous, following,
                   float(np.median(steps)) if len(steps) else USUAL_STEP)

    @property
    def lidar_yaw(self) -> Floats:
        """``(F,)`` heading of the LiDAR's x axis in the global frame, rad."""
        return yaws_of(self.lidar2global)

    @property
    def ego_yaw(self) -> Floats:
        """``(F,)`` heading of the ego car in the global frame, rad."""
        return yaws_of(self.ego2global)

    @property
    def lidar2ego(self) -> Floats:
        """``(F, 4, 4)``."""
        return inverse_all(self.ego2global) @ self.lidar2global


def inverse_all(motions: Floats) -> Floats:
    """Inverse of ``(F, 4, 4)`` rigid motions."""
    result = np.zeros_like(motions)
    result[:, :3, :3] = motions[:, :3, :3].transpose(0, 2, 1)
    result[:, :3, 3] = -np.einsum('fij,fj->fi', result[:, :3, :3], motions[:, :3, 3])
    result[:, 3, 3] = 1
    return result


def neighbours(time: Floats, scene: Ints) -> tuple[Ints, Ints]:
    """``(F,)`` places of the key frames before and after each in its scene; -1: none within ``LONGEST_STEP``."""
    order = np.lexsort((time, scene))
    step = np.diff(time[order])
    near = (np.diff(scene[order]) == 0) & (step > 0) & (step <= LONGEST_STEP)
    previous, following = np.full((2, len(order)), -1)
    following[order[:-1][near]] = order[1:][near]
    previous[order[1:][near]] = order[:-1][near]
    return previous, following


def stretches(scene: Ints, time: Floats, wanted: int = 8) -> Ints:
    """``(F,)`` number of the stretch of each key frame: scenes, or where they are few, parts of at least two frames."""
    scenes, number = np.unique(scene, return_inverse=True)
    parts = -(-wanted // max(len(scenes), 1))
    group = np.zeros(len(scene), np.int64)
    for one in range(len(scenes)):
        frames = np.flatnonzero(number == one)
        ranked = frames[np.argsort(time[frames], kind='stable')]
        split = max(1, min(parts, len(ranked) // 2))
        group[ranked] = one * parts + np.arange(len(ranked)) * split // max(len(ranked), 1)
    return group


def headings(boxes: BoxArrays) -> Floats:
    """``(N,)`` angle of each box's x axis in the global ground plane, rad (the devkit's ``quaternion_yaw``)."""
    w, x, y, z = boxes.rotation.T
    return np.arctan2(2 * (x * y + w * z), w * w + x * x - y * y - z * z)


def wrapped(angle: Floats, period: float = 2 * np.pi) -> Floats:
    """The angle in [-period / 2, period / 2)."""
    return (angle + period / 2) % period - period / 2
