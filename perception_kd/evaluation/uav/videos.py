"""Figures by video, and intervals from videos drawn with replacement (the bootstrap of Efron, 1979)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from perception_kd.evaluation.resampling.bootstrap import draw_scenes, interval, known_mean
from perception_kd.evaluation.uav.boxes import Floats, Ints
from perception_kd.evaluation.uav.operating import Findings, rates
from perception_kd.evaluation.uav.ranking import rankings
from perception_kd.evaluation.uav.rules import AREA_RANGES, UAVRules
from perception_kd.evaluation.uav.truth import Truth

if TYPE_CHECKING:
    from pycocotools.cocoeval import COCOeval

BY_VIDEO = ('images', 'targets', 'AP50', 'AP', 'recall', 'precision', 'false_alarms')


def weighted_figures(truth: Truth, evaluator: COCOeval, findings: Findings, rules: UAVRules, weights: Ints, *,
                     sizes: bool = True) -> dict[str, Floats]:
    """Figures ``(R,)`` of data sets in which each video is there so often.

    Args:
        truth, evaluator, findings, rules: As in :func:`~perception_kd.evaluation.uav.score.score`.
        weights: ``(R, V)``.
        sizes: AP by size, too.
    """
    numbers = {video: number for number, video in enumerate(truth.videos)}
    video_of = {image: numbers[one.video] for image, one in truth.images.items()}
    ranked = rankings(evaluator, video_of, len(numbers))
    averaged = {name: np.stack([one.average_precision(weights) for one in ranked[name]])
                for name in AREA_RANGES if sizes or name == 'all'}
    # Mean over classes and thresholds together, as over pycocotools' table: a class is known at all of them or none.
    figures = {name: known_mean(averaged['all'][..., indices].mean(axis=2)) if indices
               else np.full(len(weights), np.nan) for name, indices in rules.headlines.items()}
    figures.update({f'AP_{name}': known_mean(values.mean(axis=2)) for name, values in averaged.items()
                    if name != 'all'})
    return {**figures, **rates(weights @ _by_video(findings, rules))}


def draw_figures(truth: Truth, evaluator: COCOeval, findings: Findings, rules: UAVRules, *, resamples: int,
                 seed: int) -> dict[str, tuple[float, float]]:
    """95 % intervals; empty without resamples, and where there is one video only. Arguments as above."""
    weights = draw_scenes(len(truth.videos), resamples, seed)
    if not len(weights):
        return {}
    drawn = weighted_figures(truth, evaluator, findings, rules, weights)
    ends = {name: interval(values) for name, values in drawn.items()}
    return {name: one for name, one in ends.items() if one is not None}


def figures_by_video(truth: Truth, evaluator: COCOeval, findings: Findings,
                     rules: UAVRules) -> dict[str, Mapping[str, float]]:
    """Name of a video -> its figures by the names of ``BY_VIDEO``."""
    videos = truth.videos
    figures = weighted_figures(truth, evaluator, findings, rules, np.eye(len(videos), dtype=np.int64), sizes=False)
    counts = _by_video(findings, rules)
    images = np.bincount(findings.video, minlength=len(videos))
    table = {**figures, 'images': images, 'targets': counts[:, 2], 'false_alarms': counts[:, 1]}
    return {video: {name: float(table[name][number]) for name in BY_VIDEO} for number, video in enumerate(videos)}


def _by_video(findings: Findings, rules: UAVRules) -> Ints:
    """``(V, C)`` sums of the counts of its pictures."""
    counts = findings.counts(rules.score_thr)
    sums = np.zeros((findings.video.max() + 1, counts.shape[1]), np.int64)
    np.add.at(sums, findings.video, counts)
    return sums
