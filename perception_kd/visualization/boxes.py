"""Boxes as arrays, from an info's instances or from a result file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import inverse, level_map, move, pose_matrix, upright_yaw, yaw_of
from perception_kd.visualization.geometry import box_corners

_UNKNOWN = (np.nan, np.nan)


@dataclass(frozen=True)
class Boxes:
    """N boxes in the LiDAR frame of a key frame.

    Args:
        centres: (N, 3) centres of gravity, m.
        sizes: (N, 3) length, width, height, m.
        yaws: (N,) counter-clockwise from +x, rad.
        names: Class of each box.
        scores: (N,) in 0..1; 1 for truth.
        measured: (N,) whether a truth box holds a LiDAR or radar point; the devkit ignores those without.
        lidar2world: (3, 3) rotation into the world, in which boxes stand upright; the LiDAR may be tilted.
        velocities: (N, 2) over ground, m/s, along x and y of the LiDAR frame; NaN: unknown.
    """

    centres: NDArray[np.float64]
    sizes: NDArray[np.float64]
    yaws: NDArray[np.float64]
    names: tuple[str, ...]
    scores: NDArray[np.float64] = field(default=None)
    measured: NDArray[np.bool_] = field(default=None)
    lidar2world: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    velocities: NDArray[np.float64] = field(default=None)

    def __post_init__(self) -> None:
        count = len(self.names)
        if self.scores is None:
            object.__setattr__(self, 'scores', np.ones(count))
        if self.measured is None:
            object.__setattr__(self, 'measured', np.ones(count, bool))
        if self.velocities is None:
            object.__setattr__(self, 'velocities', np.full((count, 2), np.nan))
        columns = (self.centres, self.sizes, self.yaws, self.scores, self.measured, self.velocities)
        lengths = {count, *map(len, columns)}
        if len(lengths) != 1:
            raise ValueError(f'Boxes: columns of different lengths {sorted(lengths)}')

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def empty(cls) -> Boxes:
        """No box at all."""
        return cls(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), ())

    @property
    def corners(self) -> NDArray[np.float64]:
        """(N, 8, 3), see ``geometry.box_corners``."""
        yaws = upright_yaw(self.yaws, self.lidar2world)
        return box_corners(self.centres @ self.lidar2world.T, self.sizes, yaws) @ self.lidar2world

    @property
    def motions(self) -> NDArray[np.float64]:
        """(N, 3) velocities with their z part in the LiDAR frame: boxes move level in the world. m/s, NaN: unknown."""
        level = self.velocities @ level_map(self.lidar2world, np.eye(3)).T
        return level @ self.lidar2world[:2]

    @property
    def known_motion(self) -> NDArray[np.bool_]:
        """(N,) whether the velocity is known: some data sets, and some detectors, have none."""
        return np.isfinite(self.velocities).all(axis=1)

    def take(self, which: NDArray[Any] | Sequence[int]) -> Boxes:
        """The boxes of a mask or of indices, in that order."""
        index = np.arange(len(self))[np.asarray(which)] if len(which) else np.zeros(0, int)
        return Boxes(
            self.centres[index],
            self.sizes[index],
            self.yaws[index],
            tuple(self.names[i] for i in index),
            self.scores[index],
            self.measured[index],
            self.lidar2world,
            self.velocities[index],
        )

    def of_classes(self, classes: Sequence[str]) -> Boxes:
        """Only boxes of the classes named."""
        return self.take(np.array([name in classes for name in self.names], bool))

    def at_least(self, score: float | NDArray[np.float64]) -> Boxes:
        """Only boxes of that score or more, best first; one bound for all or one for each (N,)."""
        order = np.argsort(-self.scores, kind='stable')
        return self.take(order[(self.scores >= score)[order]])


def boxes_of_instances(
    instances: Sequence[Mapping[str, Any]], classes: Sequence[str], lidar2global: NDArray[np.float64]
) -> Boxes:
    """Truth of one info (``bbox_3d`` with centres of gravity); objects of no detection class are left out."""
    known = [item for item in instances if 0 <= item['bbox_label_3d'] < len(classes)]
    rows = np.array([item['bbox_3d'][:7] for item in known], np.float64).reshape(-1, 7)
    points = [item.get('num_lidar_pts', 1) + max(item.get('num_radar_pts', 0), 0) for item in known]
    return Boxes(
        rows[:, :3],
        rows[:, 3:6],
        rows[:, 6],
        tuple(classes[item['bbox_label_3d']] for item in known),
        measured=np.array(points, int) > 0,
        lidar2world=lidar2global[:3, :3],
        velocities=np.array([item.get('velocity', _UNKNOWN) for item in known], np.float64).reshape(-1, 2),
    )


def boxes_of_results(rows: Sequence[Mapping[str, Any]], lidar2global: NDArray[np.float64]) -> Boxes:
    """Predictions of one sample in the official submission format (global frame; size w, l, h) as boxes.

    Raises:
        KeyError, TypeError, ValueError: a row lacks a field, or holds something that is no number or no box.
    """
    global2lidar = inverse(lidar2global)
    fields = (('translation', 3), ('rotation', 4), ('size', 3), ('detection_score', 1))
    centres, rotations, sizes, scores = (_numbers(rows, key, count) for key, count in fields)
    if (np.linalg.norm(rotations, axis=1) < 1e-6).any():
        raise ValueError('its rotation is 0')
    poses = [global2lidar @ pose_matrix(*pair) for pair in zip(centres, rotations)]
    if (sizes <= 0).any():
        raise ValueError('its size is not positive')
    velocities = np.array([row.get('velocity', _UNKNOWN)[:2] for row in rows], np.float64).reshape(-1, 2)
    if np.isinf(velocities).any():
        raise ValueError('its velocity is infinite')
    return Boxes(
        centres=np.array([pose[:3, 3] for pose in poses]).reshape(-1, 3),
        sizes=sizes[:, [1, 0, 2]],
        yaws=np.array([yaw_of(pose[:3, :3]) for pose in poses], np.float64),
        names=tuple(row['detection_name'] for row in rows),
        scores=scores[:, 0],
        lidar2world=lidar2global[:3, :3],
        velocities=velocities @ level_map(np.eye(3), lidar2global).T,
    )


def _numbers(rows: Sequence[Mapping[str, Any]], key: str, count: int) -> NDArray[np.float64]:
    """(N, count) of a field; errors as ``boxes_of_results``."""
    values = np.array([row[key] for row in rows], np.float64)
    if values.size != count * len(rows) or not np.isfinite(values).all():
        raise ValueError(f'{key} is not {count} finite numbers' if count > 1 else f'{key} is not finite')
    return values.reshape(len(rows), count)


def in_frame(boxes: Boxes, motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (N, 8, 3) after a rigid motion, for example into the vehicle's frame."""
    return move(motion, boxes.corners.reshape(-1, 3)).reshape(-1, 8, 3)
