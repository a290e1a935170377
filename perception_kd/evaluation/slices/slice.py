"""A part of a split that is scored on its own, as masks over arrays of boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from perception_kd.evaluation.fast.boxes import BoxArrays, Floats, Ints, Mask
from perception_kd.evaluation.fast.truth import Truth

NEAR = 2.0
"""A prediction belongs to the true box whose centre is nearest, when it lies within this many metres, the distance of
the devkit's true-positive errors."""


def _every_scene(row: Mapping[str, str]) -> bool:
    return True


def _every_truth(truth: Truth) -> Mask:
    return np.ones(len(truth.boxes), bool)


def _every_prediction(truth: Truth, boxes: BoxArrays) -> Mask:
    return np.ones(len(boxes), bool)


@dataclass(frozen=True)
class Slice:
    """Which boxes of a split count; another kind of slice is three functions, or fewer.

    A true box that does not count is ignored. A predicted box counts where the true box that it belongs to counts
    (nearest centre of its class within 2 m), so that a border between two slices makes no false alarms; one that
    belongs to none is a false alarm where ``predicted`` says so. What a prediction does not have (LiDAR points,
    visibility) cannot be asked of it: its false alarms then count in every slice of the family.

    Args:
        family: What is varied: ``light``, ``distance``, ...
        name: Which value.
        scene: Whether a scene counts, by its row of the table ``scene``.
        truth: Which true boxes count ``(N,)``.
        predicted: Which false alarms count ``(M,)``; the truth gives the poses of the key frames.
    """

    family: str
    name: str
    scene: Callable[[Mapping[str, str]], bool] = _every_scene
    truth: Callable[[Truth], Mask] = _every_truth
    predicted: Callable[[Truth, BoxArrays], Mask] = _every_prediction

    def masks(self, truth: Truth, predicted: BoxArrays, owner: Ints) -> tuple[Mask, Mask]:
        """Which true boxes count ``(N,)``, and which predicted ones ``(M,)``; ``owner`` as :func:`owners` gives it."""
        scene = np.array([self.scene(row) for row in truth.scenes], bool)[truth.scene]
        counts = scene[truth.boxes.frame] & self.truth(truth)
        return counts, scene[predicted.frame] & inherit(counts, owner, self.predicted(truth, predicted))


def inherit(counts: Mask, owner: Ints, alone: Mask) -> Mask:
    """What holds for each prediction: that of its true box, or its own where it belongs to none."""
    return np.where(owner >= 0, np.append(counts, False)[owner], alone)


def owners(truth: BoxArrays, predicted: BoxArrays) -> Ints:
    """``(M,)`` place of the true box that each predicted one belongs to; -1 where to none.

    That is the nearest centre in the plane among the boxes of its class and key frame, if it is within 2 m.
    """
    if not len(truth) or not len(predicted):
        return np.full(len(predicted), -1)
    distance, place = cKDTree(_apart(truth)).query(_apart(predicted), distance_upper_bound=2 * NEAR)
    return np.where(distance <= NEAR, place, -1)


def _apart(boxes: BoxArrays) -> Floats:
    """Centres, with key frame and class as further axes on which others are far away."""
    return np.column_stack([boxes.translation[:, :2], 10 * NEAR * boxes.frame, 10 * NEAR * boxes.label])
