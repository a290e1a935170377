"""Which predictions of one sample find an object, by nuScenes' rule.

The rule is the one that nuscenes-devkit documents for its detection metrics: within a class, predictions in
the order of falling score each take the nearest object that is still free; it is a match when the centres lie
less than the threshold apart in the ground plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.boxes import Boxes

CLASS_RANGE: dict[str, float] = {
    'car': 50, 'truck': 50, 'trailer': 50, 'bus': 50, 'construction_vehicle': 50, 'bicycle': 40,
    'motorcycle': 40, 'pedestrian': 40, 'traffic_cone': 30, 'barrier': 30,
}  # fmt: skip
"""Distance from the vehicle (m) up to which nuScenes' detection task counts a class."""


@dataclass(frozen=True)
class Matching:
    """Outcome for one sample.

    Args:
        truth_of: (P,) index of the object that each prediction found, -1 for a false alarm.
        found: (T,) whether each object was found.
    """

    truth_of: NDArray[np.int64]
    found: NDArray[np.bool_]

    @property
    def matches(self) -> int:
        """Predictions that found an object."""
        return int(self.found.sum())

    @property
    def misses(self) -> int:
        """Objects that no prediction found."""
        return int((~self.found).sum())

    @property
    def false_alarms(self) -> int:
        """Predictions that found none."""
        return int((self.truth_of < 0).sum())


def match_boxes(truth: Boxes, predictions: Boxes, distance: float = 2.0) -> Matching:
    """Match greedily by score: same class, centres less than ``distance`` m apart in the ground plane."""
    truth_of = np.full(len(predictions), -1)
    free = np.ones(len(truth), bool)
    truth_names = np.array(truth.names, dtype=object)
    # The devkit sorts (score, index) upwards and reverses: of equal scores the later one goes first.
    for index in np.lexsort((np.arange(len(predictions)), predictions.scores))[::-1]:
        candidates = np.flatnonzero(free & (truth_names == predictions.names[index]))
        if not len(candidates):
            continue
        gaps = np.linalg.norm(truth.centres[candidates, :2] - predictions.centres[index, :2], axis=1)
        nearest = int(gaps.argmin())
        if gaps[nearest] < distance:
            truth_of[index] = candidates[nearest]
            free[candidates[nearest]] = False
    return Matching(truth_of, ~free)


def within_class_range(boxes: Boxes, lidar2ego: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) whether nuScenes counts a box of that class so far from the vehicle."""
    ego = boxes.centres @ lidar2ego[:3, :3].T + lidar2ego[:3, 3]
    limits = np.array([CLASS_RANGE.get(name, 50.0) for name in boxes.names])
    return np.linalg.norm(ego[:, :2], axis=1) < limits
