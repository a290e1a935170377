"""The data of one examination."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from perception_kd.evaluation.doctor.cures import Cure
from perception_kd.evaluation.doctor.evidence import Floats, Ints, Pairs
from perception_kd.evaluation.doctor.frames import Frames
from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.evaluation.fast.filters import filter_boxes
from perception_kd.evaluation.fast.matching import match
from perception_kd.evaluation.fast.metrics import evaluate_arrays
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.report import MEAN_ERRORS
from perception_kd.structures.classes import NUSCENES_CLASSES

MATCHING = 2.0
"""m: where the devkit takes its true-positive errors."""
HIT_DISTANCES = (1.0, 2.0)


@dataclass(frozen=True)
class Case:
    """True and predicted boxes, and where the ego car was.

    Args:
        truth: As they count in the metrics.
        racks: Bicycle racks of the same key frames.
        predicted: All, also out of range.
        frames: Key frames that ``frame`` of the boxes counts in.
    """

    truth: BoxArrays
    racks: BoxArrays
    predicted: BoxArrays
    frames: Frames

    def seen(self, predicted: BoxArrays) -> BoxArrays:
        """The predictions that count."""
        return filter_boxes(predicted, self.racks, OfficialSettings().class_range)

    def reading(self, cure: Cure) -> Case:
        """The same with predictions read in another way."""
        return replace(self, predicted=cure.change(self.predicted, self.frames))

    @cached_property
    def truth_count(self) -> Ints:
        """``(10,)`` true boxes of each class."""
        return np.bincount(self.truth.label, minlength=len(NUSCENES_CLASSES))

    @cached_property
    def class_aps(self) -> Floats:
        """``(10,)`` average precision of each class."""
        return np.array([self._summary['mean_dist_aps'][name] for name in NUSCENES_CLASSES])

    @cached_property
    def _summary(self) -> dict[str, Any]:
        return evaluate_arrays(self.truth, self.seen(self.predicted))[0]

    @cached_property
    def metrics(self) -> dict[str, float]:
        """mAP over the classes that have truth, and over these the mean errors, by the names that papers print."""
        summary = self._summary
        present = [name for name, count in zip(NUSCENES_CLASSES, self.truth_count) if count]
        found = {short: float(np.nanmean([summary['label_tp_errors'][name][key] for name in present]))
                 for key, short in MEAN_ERRORS.items()}
        return {'mAP': float(np.mean([summary['mean_dist_aps'][name] for name in present])), **found}

    @cached_property
    def pairs(self) -> Pairs:
        """Predictions with the true box of their class that they meet within 2 m."""
        return self.pairs_within(MATCHING)

    def pairs_within(self, distance: float, by_class: bool = True) -> Pairs:
        """Predictions with the true box that they meet; of any class where ``by_class`` is false."""
        truth, predicted = self.truth, self.seen(self.predicted)
        matches = match(*((truth, predicted) if by_class else map(without_classes, (truth, predicted))), [distance])
        met = matches.true_box[0] >= 0
        return Pairs(truth.take(matches.true_box[0][met]), predicted.take(matches.order[met]), self.frames)

    def hits(self, predicted: BoxArrays) -> tuple[Floats, Ints]:
        """How well places fit, whatever the classes.

        In each key frame, as many predictions as there are true boxes (the best by score) may each meet one.

        Returns:
            ``(F,)`` true boxes met, mean over 1 m and 2 m, and ``(F,)`` true boxes.
        """
        predicted = self.seen(predicted)
        count = np.bincount(self.truth.frame, minlength=len(self.frames.group))
        order = np.lexsort((-predicted.score, predicted.frame))
        frame = predicted.frame[order]
        rank = np.arange(len(order)) - np.searchsorted(frame, frame)
        matches = match(without_classes(self.truth), without_classes(predicted.take(order[rank < count[frame]])),
                        HIT_DISTANCES)
        met = [np.bincount(self.truth.frame[row[row >= 0]], minlength=len(count)) for row in matches.true_box]
        return np.mean(met, axis=0), count


def without_classes(boxes: BoxArrays) -> BoxArrays:
    """All boxes as if of one class."""
    return boxes.replace(label=np.zeros(len(boxes), np.int64))


def sampled(case: Case, most: int = 400) -> Case:
    """At most so many key frames, spread evenly over all of them."""
    count = len(case.frames.group)
    if count <= most:
        return case
    chosen = np.zeros(count, bool)
    chosen[np.linspace(0, count - 1, most).round().astype(int)] = True
    return replace(case, truth=case.truth.take(chosen[case.truth.frame]),
                   predicted=case.predicted.take(chosen[case.predicted.frame]))

