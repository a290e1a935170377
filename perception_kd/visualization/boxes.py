"""Boxes as arrays, from an info's instances or from a result file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import inverse, move, pose_matrix, upright_yaw, yaw_of
from perception_kd.visualization.geometry import box_corners


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
    """

    centres: NDArray[np.float64]
    sizes: NDArray[np.float64]
    yaws: NDArray[np.float64]
    names: tuple[str, ...]
    scores: NDArray[np.float64] = field(default=None)
    measured: NDArray[np.bool_] = field(default=None)
    lidar2world: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))

    def __post_init__(self) -> None:
        count = len(self.names)
        if self.scores is None:
            object.__setattr__(self, 'scores', np.ones(count))
        if self.measured is None:
            object.__setattr__(self, 'measured', np.ones(count, bool))
        lengths = {
            len(self.centres),
            len(self.sizes),
            len(self.yaws),
            len(self.scores),
            len(self.measured),
            count,
        }
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
        )

    def of_classes(self, classes: Sequence[str]) -> Boxes:
        """Only boxes of the classes named."""
        return self.take(np.array([name in classes for name in self.names], bool))

    def at_least(self, score: float) -> Boxes:
        """Only boxes of that score or more, best first."""
        order = np.argsort(-self.scores, kind='stable')
        return self.take(order[self.scores[order] >= score])


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
    )


def boxes_of_results(rows: Sequence[Mapping[str, Any]], lidar2global: NDArray[np.float64]) -> Boxes:
    """Predictions of one sample in the official submission format (global frame; size w, l, h) as boxes.

    Raises:
        KeyError, TypeError, ValueError: a row lacks a field or holds something that is no finite number.
    """
    global2lidar = inverse(lidar2global)
    poses = [global2lidar @ pose_matrix(row['translation'], row['rotation']) for row in rows]
    sizes = np.array([row['size'] for row in rows], np.float64).reshape(-1, 3)
    if not (np.isfinite(poses).all() and np.isfinite(sizes).all()):
        raise ValueError('it holds NaN or infinity')
    return Boxes(
        centres=np.array([pose[:3, 3] for pose in poses]).reshape(-1, 3),
        sizes=sizes[:, [1, 0, 2]],
        yaws=np.array([yaw_of(pose[:3, :3]) for pose in poses], np.float64),
        names=tuple(row['detection_name'] for row in rows),
        scores=np.array([row['detection_score'] for row in rows], np.float64),
        lidar2world=lidar2global[:3, :3],
    )


def in_frame(boxes: Boxes, motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (N, 8, 3) after a rigid motion, for example into the vehicle's frame."""
    return move(motion, boxes.corners.reshape(-1, 3)).reshape(-1, 8, 3)
