"""Frame by frame: what a model found, missed and made up, by nuscenes-devkit's matching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception_kd.evaluation.fast.boxes import BoxArrays, Floats, Ints, Mask
from perception_kd.evaluation.fast.matching import match
from perception_kd.evaluation.fast.truth import Truth

DISTANCE = 2.0
"""Centres of a match lie less than so many metres apart: the distance of the devkit's true-positive errors."""
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 15))
APART = 3
"""Key frames of one scene that are fewer apart show nearly the same; one of them is enough."""


@dataclass(frozen=True)
class FrameCounts:
    """Numbers of boxes of F key frames, each ``(F,)``: matches, missed true boxes, false alarms."""

    hits: Ints
    misses: Ints
    false_alarms: Ints

    @property
    def objects(self) -> Ints:
        """``(F,)`` true boxes."""
        return self.hits + self.misses

    @property
    def f1(self) -> Floats:
        """``(F,)`` harmonic mean of precision and recall; NaN where there is nothing to find and nothing found."""
        return _f1(self.hits, self.misses, self.false_alarms)

    @property
    def pooled_f1(self) -> float:
        """F1 of all frames together."""
        return float(_f1(*(np.sum(part) for part in (self.hits, self.misses, self.false_alarms))))


def _f1(hits: Any, misses: Any, false_alarms: Any) -> Any:
    with np.errstate(invalid='ignore'):
        return 2 * hits / np.asarray(2 * hits + misses + false_alarms, float)


class FrameMatches:
    """One model's predictions matched with the truth, for every score threshold at once.

    The devkit lets predictions choose by falling score, so those below a threshold never change what the others met.

    Args:
        truth, predicted: Boxes that count, after the devkit's filters.
    """

    def __init__(self, truth: Truth, predicted: BoxArrays) -> None:
        self.frames, self.truth = len(truth.tokens), truth.boxes
        matches = match(truth.boxes, predicted, [DISTANCE])
        self._frame, self._score = predicted.frame[matches.order], predicted.score[matches.order]
        self._met = matches.true_box[0] >= 0
        self._found_at = np.full(len(truth.boxes), -np.inf)
        self._found_at[matches.true_box[0][self._met]] = self._score[self._met]

    def found(self, threshold: float) -> Mask:
        """``(N,)`` which true boxes a prediction of that score or more has met."""
        return self._found_at >= threshold

    def counts(self, threshold: float) -> FrameCounts:
        """Counts of predictions of that score or more."""
        kept = self._score >= threshold
        hits = self._number(self._frame[kept & self._met])
        return FrameCounts(hits, self._number(self.truth.frame) - hits, self._number(self._frame[kept & ~self._met]))

    def _number(self, frame: Ints) -> Ints:
        return np.bincount(frame, minlength=self.frames)


def best_threshold(models: Sequence[FrameMatches]) -> float:
    """The score threshold at which the mean of the models' F1 over all frames is highest; the lowest of equal ones."""
    means = [np.mean([model.counts(threshold).pooled_f1 for model in models]) for threshold in THRESHOLDS]
    return THRESHOLDS[int(np.argmax(np.nan_to_num(means)))]


@dataclass(frozen=True)
class Choice:
    """A key frame to look at.

    Args:
        frame: Its place.
        kind: ``helped``, ``hurt`` (two models) or ``best`` (one); or ``hard``.
    """

    frame: int
    kind: str


def choose_pair(plain: FrameCounts, distilled: FrameCounts, scene: Ints, each: int = 2) -> list[Choice]:
    """Frames where distillation helped most and hurt most, by the change of F1, and those that both find hardest.

    Args:
        plain, distilled: Of the student without distillation and with it.
        scene: ``(F,)`` scene of each frame; the frames of a scene in the order of time.
        each: So many of each kind; fewer where there are none, or only ones beside others.

    Frames with fewer true boxes than the median frame are not chosen: their F1 goes up and down with a single box.
    """
    change = distilled.f1 - plain.f1
    ideas = {'helped': _ranked(change, above=0.0), 'hurt': _ranked(-change, above=0.0),
             'hard': _ranked(1 - np.maximum(plain.f1, distilled.f1), above=0.0)}
    return _choose(ideas, plain.objects, scene, each)


def choose_single(counts: FrameCounts, scene: Ints, each: int = 3) -> list[Choice]:
    """The frames with the highest and the lowest F1 of one model; all else as :func:`choose_pair`."""
    ideas = {'best': _ranked(counts.f1, above=0.0), 'hard': _ranked(1 - counts.f1, above=0.0)}
    return _choose(ideas, counts.objects, scene, each)


def _ranked(values: Floats, above: float) -> Ints:
    """Places of the values above a limit, largest first; NaN is none."""
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind='stable')
    return order[np.nan_to_num(values[order], nan=-np.inf) > above]


def _choose(ideas: dict[str, Ints], objects: Ints, scene: Ints, each: int) -> list[Choice]:
    """Up to ``each`` frames of each kind, none twice, none beside another of its scene, none with few objects."""
    place, least = _places_in_scene(scene), max(1, np.median(objects))
    chosen: list[Choice] = []
    for kind, frames in ideas.items():
        count = 0
        for frame in frames:
            near = any(scene[one.frame] == scene[frame] and abs(place[one.frame] - place[frame]) < APART
                       for one in chosen)
            if count < each and not near and objects[frame] >= least:
                chosen.append(Choice(int(frame), kind))
                count += 1
    return chosen


def _places_in_scene(scene: Ints) -> Ints:
    """``(F,)`` how many frames of its scene come before each."""
    places = np.zeros(len(scene), np.int64)
    for one in np.unique(scene):
        inside = np.flatnonzero(scene == one)
        places[inside] = np.arange(len(inside))
    return places
