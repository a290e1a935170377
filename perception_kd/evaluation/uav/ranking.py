"""AP of data sets in which videos stand several times or not at all, from one matching.

Frames are matched one by one, so a video that is drawn three times has its finds three times, and only the running
counts behind precision and recall change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perception_kd.evaluation.uav.boxes import Floats, Ints, Mask
from perception_kd.evaluation.uav.rules import AREA_RANGES

if TYPE_CHECKING:
    from pycocotools.cocoeval import COCOeval

RECALLS = np.linspace(0, 1, 101)
"""COCO's points of interpolation."""
_EPS = np.spacing(1)


@dataclass(frozen=True)
class Ranking:
    """Predictions of one class that count in one size, in falling score.

    Args:
        video: ``(N,)`` number of the video of each.
        found: ``(T, N)`` which ones found a target, by IoU threshold.
        false: ``(T, N)`` which ones are false alarms; the others count as neither.
        truth: ``(V,)`` targets of each video.
    """

    video: Ints
    found: Mask
    false: Mask
    truth: Ints

    def average_precision(self, weights: Ints | Floats) -> Floats:
        """``(R, T)``: mean of the interpolated precision at 101 recalls, NaN without a target.

        Args:
            weights: ``(R, V)`` how often each video is there.
        """
        last = np.flatnonzero(self.found.any(axis=0))
        end = last[-1] + 1 if len(last) else 0  # false alarms after the last find lower nothing that counts
        video, found, false = self.video[:end], self.found[:, :end], self.false[:, :end]
        return np.array([_averages(found * row[video], false * row[video], float(row @ self.truth)) for row in weights])


def _averages(found: Floats, false: Floats, total: float) -> Floats:
    """AP by threshold of ``(T, N)`` counts, as pycocotools' ``accumulate``."""
    if not total:
        return np.full(len(found), np.nan)
    finds, alarms = np.cumsum(found, axis=1, dtype=float), np.cumsum(false, axis=1, dtype=float)
    precision = finds / (finds + alarms + _EPS)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.concatenate([precision, np.zeros((len(precision), 1))], axis=1)
    places = [np.searchsorted(row, RECALLS, side='left') for row in finds / total]
    return np.array([row[place].mean() for row, place in zip(padded, places)])


def rankings(evaluator: COCOeval, video_of: Mapping[int, int], videos: int) -> dict[str, list[Ranking]]:
    """Size -> ranking of each class.

    Args:
        evaluator: As :func:`~perception_kd.evaluation.uav.coco.run_coco` gives it.
        video_of: Image id -> number of its video.
        videos: How many there are.
    """
    params = evaluator.params
    pictures = len(params.imgIds)
    found: dict[str, list[Ranking]] = {name: [] for name in AREA_RANGES}
    for start, name in enumerate(list(AREA_RANGES) * len(params.catIds)):
        entries = [one for one in evaluator.evalImgs[start * pictures:(start + 1) * pictures] if one is not None]
        found[name].append(_ranking(entries, video_of, videos, len(params.iouThrs)))
    return found


def _ranking(entries: Sequence[dict], video_of: Mapping[int, int], videos: int, thresholds: int) -> Ranking:
    numbers = np.array([video_of[one['image_id']] for one in entries], np.int64)
    scores = np.concatenate([np.asarray(one['dtScores'], float) for one in entries] or [np.zeros(0)])
    order = np.argsort(-scores, kind='stable')
    lengths = [len(one['dtScores']) for one in entries]
    matched, ignored = (np.concatenate([one[key].reshape(thresholds, -1) for one in entries]
                                       or [np.zeros((thresholds, 0))], axis=1)[:, order].astype(bool)
                        for key in ('dtMatches', 'dtIgnore'))
    counts = np.array([np.count_nonzero(np.asarray(one['gtIgnore']) == 0) for one in entries], np.int64)
    truth = np.bincount(numbers, counts, videos).astype(np.int64)
    return Ranking(np.repeat(numbers, lengths)[order], matched & ~ignored, ~matched & ~ignored, truth)
