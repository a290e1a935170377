"""How a detector does at one threshold of its score, where it runs: finds, misses, false alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from perception_kd.evaluation.uav.boxes import Floats, Ints, Mask, overlaps, wasserstein
from perception_kd.evaluation.uav.matching import FALSE_ALARM, match
from perception_kd.evaluation.uav.predictions import Predicted
from perception_kd.evaluation.uav.ranking import Ranking
from perception_kd.evaluation.uav.rules import NEGATIVES, SIDE_KEYS, SIDES, UAVRules
from perception_kd.evaluation.uav.truth import Image, Truth

_COUNTS = ('finds', 'alarms', 'targets', 'negatives', 'alarms_on_negatives')


@dataclass(frozen=True)
class Findings:
    """Every prediction and target of a data set, and what became of them whatever the threshold of the score.

    Args:
        score: ``(N,)``, falling; predictions in ignored regions are left out.
        found: ``(N,)`` whether each found a target; the others are false alarms.
        picture, label: ``(N,)`` number of the picture, and class.
        side: ``(G,)`` of the targets, px.
        found_at: ``(G,)`` score of what found each; -infinity for those that nothing found.
        target_picture, target_label: ``(G,)``.
        negative: ``(P,)`` pictures without a target or ignored region.
        video: ``(P,)`` number of the video of each picture.
    """

    score: Floats
    found: Mask
    picture: Ints
    label: Ints
    side: Floats
    found_at: Floats
    target_picture: Ints
    target_label: Ints
    negative: Mask
    video: Ints

    def counts(self, score_thr: float) -> Ints:
        """``(P, C)`` of each picture: finds, false alarms, targets, whether it is without target, its false alarms if
        it is, targets by side, and finds by side."""
        taken = self.score >= score_thr
        finds = self._per_picture(self.picture[taken & self.found])
        alarms = self._per_picture(self.picture[taken & ~self.found])
        low = np.digitize(self.side, [ends[1] for ends in SIDES[:-1]])
        found = self.found_at >= score_thr
        bins = [self._per_picture(self.target_picture[mask & (low == place)])
                for mask in (np.ones_like(found), found) for place in range(len(SIDES))]
        targets = self._per_picture(self.target_picture)
        return np.stack([finds, alarms, targets, self.negative, alarms * self.negative, *bins], axis=1).astype(np.int64)

    def _per_picture(self, pictures: Ints) -> Ints:
        return np.bincount(pictures, minlength=len(self.negative))

    def curve(self) -> dict[str, Floats]:
        """``score``, ``precision`` and ``recall`` at every distinct score, falling; of no target recall is NaN."""
        finds = np.cumsum(self.found)
        ends = np.flatnonzero(np.append(np.diff(self.score) != 0, np.ones(min(len(self.score), 1), bool)))
        recall = finds[ends] / len(self.side) if len(self.side) else np.full(len(ends), np.nan)
        return dict(score=self.score[ends], precision=finds[ends] / (ends + 1), recall=recall)

    def best(self) -> tuple[float, float]:
        """Highest F1, and the (highest) score at which it is reached; NaN where there is nothing."""
        ends = np.flatnonzero(np.append(np.diff(self.score) != 0, np.ones(min(len(self.score), 1), bool)))
        if not len(self.side) or not len(ends):
            return 0.0 if len(self.side) else math.nan, math.nan
        values = 2 * np.cumsum(self.found)[ends] / (ends + 1 + len(self.side))
        place = int(values.argmax())
        return float(values[place]), float(self.score[ends[place]])

    def average_precision(self, classes: int) -> float:
        """At the threshold of the matching, mean over the classes with a target."""
        values = []
        for label in range(classes):
            mine = self.label == label
            truth = np.array([np.count_nonzero(self.target_label == label)])
            ranking = Ranking(np.zeros(mine.sum(), np.int64), self.found[mine][None], ~self.found[mine][None], truth)
            values.append(float(ranking.average_precision(np.ones((1, 1)))[0, 0]))
        known = [value for value in values if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan


def examine(truth: Truth, predictions: Mapping[int, Predicted], threshold: float, nwd: float | None = None) -> Findings:
    """Match every picture, class by class.

    Args:
        truth, predictions: By image id.
        threshold: Least IoU of a match; with ``nwd`` least likeness.
        nwd: Constant of the Wasserstein likeness, px; None: IoU.
    """
    names = {name: number for number, name in enumerate(truth.videos)}
    found, targets = [], []
    for number, (image, one) in enumerate(truth.images.items()):
        mine = _examine(one, predictions.get(image, Predicted()), len(truth.classes), threshold, nwd)
        found += [(score, hit, number, label) for score, hit, label in mine[0]]
        targets += [(side, at, number, label) for side, at, label in mine[1]]
    rows, goals = np.array(found, float).reshape(-1, 4), np.array(targets, float).reshape(-1, 4)
    rows = rows[np.argsort(-rows[:, 0], kind='stable')]
    images = list(truth.images.values())
    return Findings(
        rows[:, 0], rows[:, 1].astype(bool), rows[:, 2].astype(np.int64), rows[:, 3].astype(np.int64), goals[:, 0],
        goals[:, 1], goals[:, 2].astype(np.int64), goals[:, 3].astype(np.int64),
        np.array([not len(one.truth.boxes) for one in images], bool),
        np.array([names[one.video] for one in images], np.int64))


def _examine(image: Image, predicted: Predicted, classes: int, threshold: float,
             nwd: float | None) -> tuple[list[tuple[float, bool, int]], list[tuple[float, float, int]]]:
    """(score, found, class) of the predictions that count, and (side, score of its finder, class) of the targets."""
    found, targets = [], []
    for label in range(classes):
        mine, theirs = predicted.labels == label, image.truth.labels == label
        boxes, scores = predicted.boxes[mine], predicted.scores[mine]
        true, ignored = image.truth.boxes[theirs], image.truth.ignored[theirs]
        if not len(scores) and not len(true):
            continue
        matching = match(scores, likeness(boxes, true, ignored, nwd), threshold, ignored)
        found += [(score, goal > FALSE_ALARM, label) for score, goal in zip(scores, matching.truth_of)
                  if goal >= FALSE_ALARM]
        targets += [(math.sqrt(box[2] * box[3]), scores[finder] if finder >= 0 else -math.inf, label)
                    for box, finder in zip(true[~ignored], matching.found_by[~ignored])]
    return found, targets


def likeness(boxes: Floats, true: Floats, ignored: Mask, nwd: float | None) -> Floats:
    """``(D, G)`` IoU, or the Wasserstein likeness; of ignored regions always how much of a box lies in one."""
    common = overlaps(boxes, true, ignored)
    return common if nwd is None else np.where(ignored[None], common, wasserstein(boxes, true, nwd))


def rates(counts: Floats | Ints) -> dict[str, Floats]:
    """Figures of sums of :meth:`Findings.counts` ``(R, C)``; NaN where there is nothing to divide by."""
    finds, alarms, targets, negatives, on_negatives = (counts[:, place] for place in range(len(_COUNTS)))
    low = len(_COUNTS)
    figures = dict(precision=_ratio(finds, finds + alarms), recall=_ratio(finds, targets),
                   F1=_ratio(2 * finds, finds + alarms + targets))
    figures[NEGATIVES] = _ratio(on_negatives, negatives)
    for place, key in enumerate(SIDE_KEYS):
        figures[key] = _ratio(counts[:, low + len(SIDES) + place], counts[:, low + place])
    return figures


def operating_figures(findings: Findings, rules: UAVRules) -> dict[str, float]:
    """All figures of one threshold, and where F1 is best."""
    total = findings.counts(rules.score_thr).sum(axis=0, keepdims=True)
    figures = {name: float(value[0]) for name, value in rates(total).items()}
    figures['best_F1'], figures['best_F1_score'] = findings.best()
    return figures


def _ratio(part: Floats | Ints, whole: Floats | Ints) -> Floats:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
