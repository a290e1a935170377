"""AP and true-positive errors slice by slice, with intervals from resampled scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from perception_kd.evaluation.fast.boxes import BoxArrays, Floats, Ints
from perception_kd.evaluation.fast.errors import TP_METRICS
from perception_kd.evaluation.fast.settings import DetectionSettings
from perception_kd.evaluation.fast.truth import Truth
from perception_kd.evaluation.report import ERRORS
from perception_kd.evaluation.resampling.bootstrap import (
    Interval,
    Progress,
    class_metrics,
    draw_scenes,
    interval,
    known_mean,
)
from perception_kd.evaluation.resampling.ranking import rank
from perception_kd.evaluation.slices.slice import Slice, owners
from perception_kd.structures.classes import NUSCENES_CLASSES


class SlicedAnswers:
    """One model's boxes, slice by slice.

    Args:
        truth, predicted: After the devkit's filters.
        settings: Of the metric.
    """

    def __init__(self, truth: Truth, predicted: BoxArrays, settings: DetectionSettings) -> None:
        self.truth, self.predicted, self.settings = truth, predicted, settings
        self._owner = owners(truth.boxes, predicted)

    def boxes(self, chosen: Slice) -> tuple[BoxArrays, BoxArrays]:
        """True and predicted boxes that count."""
        seen, found = chosen.masks(self.truth, self.predicted, self._owner)
        return self.truth.boxes.take(seen), self.predicted.take(found)

    def metrics(self, boxes: tuple[BoxArrays, BoxArrays], classes: Sequence[str],
                weights: Ints) -> tuple[Floats, Floats]:
        """AP ``(R,)`` and errors ``(R, 5)``, means over those of ``classes`` that a resample has.

        Args:
            boxes: Of a slice, as :meth:`boxes` gives them.
            classes: Names.
            weights: ``(R, S)`` how often each scene is drawn.
        """
        rankings = rank(*boxes, self.truth.scene, self.settings)
        average, errors = class_metrics({name: rankings[name] for name in classes}, weights, self.settings)
        return known_mean(np.stack(list(average.values()))), known_mean(np.stack(list(errors.values())))


@dataclass(frozen=True)
class SliceScore:
    """One slice of one model.

    Args:
        family, name: Of the slice.
        boxes: True boxes in it.
        scenes: Scenes that these are in.
        classes: Those with enough true boxes, over which all values are means.
        ap: None: no class has enough.
        ap_interval: 95 % of the resamples.
        errors: ``ATE``, ``ASE``, ``AOE``, ``AVE`` and ``AAE``; one that no class has is left out.
        error_intervals: 95 % of the resamples of each.
    """

    family: str
    name: str
    boxes: int
    scenes: int
    classes: tuple[str, ...] = ()
    ap: float | None = None
    ap_interval: Interval = None
    errors: dict[str, float] = field(default_factory=dict)
    error_intervals: dict[str, Interval] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def score_slices(answers: SlicedAnswers, slices: Sequence[Slice], *, min_boxes: int = 20, resamples: int = 200,
                 seed: int = 0, progress: Progress | None = None) -> list[SliceScore]:
    """Score every slice.

    Args:
        answers: Of one model.
        slices: Which.
        min_boxes: True boxes from which on a class counts in a slice, at least 1.
        resamples: Of the scenes, for the intervals; 0: none.
        seed: Of the resamples.
        progress: Is told each slice that is done.

    Raises:
        ValueError: wrong numbers.
    """
    check_numbers(min_boxes, resamples)
    weights = weights_with_all(len(answers.truth.scenes), resamples, seed)
    found = []
    for chosen in slices:
        found.append(_score(answers, chosen, min_boxes, weights))
        if progress:
            progress(f'{chosen.family}: {chosen.name}')
    return found


def check_numbers(min_boxes: int, resamples: int) -> None:
    """Raises: ValueError: impossible ones."""
    if min_boxes < 1 or resamples < 0:
        raise ValueError(f'min_boxes must be at least 1 and resamples at least 0, got {min_boxes} and {resamples}')


def weights_with_all(scenes: int, resamples: int, seed: int) -> Ints:
    """``(1 + R, S)``: each scene once, then the resamples."""
    return np.vstack([np.ones((1, scenes), np.int64), draw_scenes(scenes, resamples, seed)])


def count_boxes(truth: Truth, boxes: BoxArrays, min_boxes: int) -> tuple[int, int, tuple[str, ...]]:
    """Number of true boxes of a slice, of their scenes, and the classes that have enough of them."""
    counts = np.bincount(boxes.label, minlength=len(NUSCENES_CLASSES))
    classes = tuple(name for name, count in zip(NUSCENES_CLASSES, counts) if count >= min_boxes)
    return len(boxes), len(np.unique(truth.scene[boxes.frame])), classes


def _score(answers: SlicedAnswers, chosen: Slice, min_boxes: int, weights: Ints) -> SliceScore:
    boxes = answers.boxes(chosen)
    count, scenes, classes = count_boxes(answers.truth, boxes[0], min_boxes)
    if not classes:
        return SliceScore(chosen.family, chosen.name, count, scenes)
    average, errors = answers.metrics(boxes, classes, weights if scenes > 1 else weights[:1])  # of one, no interval
    known = {ERRORS[key]: values for key, values in zip(TP_METRICS, errors.T) if np.isfinite(values[0])}
    return SliceScore(
        chosen.family, chosen.name, count, scenes, classes, float(average[0]), interval(average[1:]),
        {name: float(values[0]) for name, values in known.items()},
        {name: interval(values[1:]) for name, values in known.items()})
