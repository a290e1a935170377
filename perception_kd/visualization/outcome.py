"""What a model found, missed and made up in one sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import move
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.matching import match_boxes, within_class_range
from perception_kd.visualization.view import View


@dataclass(frozen=True)
class Outcome:
    """Boxes of one sample by what became of them.

    Args:
        hits: Predictions that found an object.
        found: Objects that a prediction found.
        misses: Objects that nothing found.
        false_alarms: Predictions that found nothing.
    """

    hits: Boxes
    found: Boxes
    misses: Boxes
    false_alarms: Boxes


def counted(boxes: Boxes, frame: Frame, view: View | None = None) -> NDArray[np.bool_]:
    """(N,) whether each box counts: measured by a sensor, within the range of its class, inside the view
    where one is given."""
    if not len(boxes):
        return np.zeros(0, bool)
    counts = boxes.measured & within_class_range(boxes, frame.lidar2ego)
    return counts & view.holds(move(frame.lidar2ego, boxes.centres)) if view else counts


def judge(truth: Boxes, predictions: Boxes) -> Outcome:
    """Match counted predictions to counted truth."""
    matching = match_boxes(truth, predictions)
    return Outcome(
        predictions.take(matching.truth_of >= 0),
        truth.take(matching.found),
        truth.take(~matching.found),
        predictions.take(matching.truth_of < 0),
    )
