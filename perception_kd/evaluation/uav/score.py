"""From truth and predictions to all figures of a data set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perception_kd.evaluation.uav.boxes import Floats, Ints
from perception_kd.evaluation.uav.coco import averages, run_coco
from perception_kd.evaluation.uav.operating import Findings, examine, operating_figures
from perception_kd.evaluation.uav.predictions import Predicted
from perception_kd.evaluation.uav.rules import AREA_RANGES, SIDE_KEYS, SIDES, UAVRules
from perception_kd.evaluation.uav.truth import Truth
from perception_kd.evaluation.uav.videos import draw_figures, figures_by_video

NWD_THRESHOLD = 0.5
_WORST, _POINTS = 200, 400
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class UAVScores:
    """Figures of a detector on a data set.

    Args:
        name: Of the data set.
        rules: By which it was judged.
        truth: What it was scored against.
        figures: By the names of ``UAVRules.names``; NaN where there is nothing to count.
        counts: ``images``, ``negatives`` (images without a target), ``videos``, ``targets``, ``ignored``,
            ``predictions``, and ``targets_<size or side>``.
        findings: Every prediction and target.
        intervals: 95 % of the figures over resamples of videos; empty without.
        by_video: Figures of each video; empty without.
        resamples: How many.
    """

    name: str
    rules: UAVRules
    truth: Truth
    figures: Mapping[str, float]
    counts: Mapping[str, int]
    findings: Findings
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    by_video: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    resamples: int = 0

    def worst(self, most: int = _WORST) -> list[dict[str, Any]]:
        """Pictures with misses or false alarms at the threshold of deployment, those with most of them first."""
        counts = self.findings.counts(self.rules.score_thr)[:, :3]
        mistakes = counts[:, 1] + counts[:, 2] - counts[:, 0]
        order = np.argsort(-mistakes, kind='stable')[:most]
        images = list(self.truth.images.items())
        return [dict(image_id=images[place][0], file_name=images[place][1].file_name, video=images[place][1].video,
                     found=int(counts[place, 0]), missed=int(counts[place, 2] - counts[place, 0]),
                     false_alarms=int(counts[place, 1])) for place in order if mistakes[place]]

    def as_dict(self) -> dict[str, Any]:
        """Everything a page needs, for strict JSON: None in the place of NaN, at most 400 points of a curve."""
        curve = self.findings.curve()
        kept = np.unique(np.linspace(0, max(len(curve['score']) - 1, 0), _POINTS).round().astype(int))
        thin = {name: [_strict(value) for value in values[kept[kept < len(values)]]] for name, values in curve.items()}
        return dict(
            name=self.name, classes=list(self.truth.classes), annotations=self.truth.source,
            stamp=self.truth.info.get('stamp'), rules={**vars(self.rules), 'iou_thrs': list(self.rules.iou_thrs)},
            figures={name: _strict(value) for name, value in self.figures.items()}, counts=dict(self.counts),
            resamples=self.resamples, intervals={name: list(ends) for name, ends in self.intervals.items()},
            by_video={video: {name: _strict(value) for name, value in one.items()}
                      for video, one in self.by_video.items()},
            curve=thin, worst=self.worst())


def score(truth: Truth, predictions: Mapping[int, Predicted], rules: UAVRules | None = None, *, name: str = 'uav',
          resamples: int = 0, seed: int = 0, by_video: bool = False) -> UAVScores:
    """All figures.

    Args:
        truth: With the images that count; those without predictions count too.
        predictions: By image id.
        rules: None: the defaults.
        name: Of the data set.
        resamples: Videos are drawn with replacement so often, for 95 % intervals; frames of one video are too alike to
            be drawn on their own.
        seed: Of the draws.
        by_video: Also give each video's figures.

    Raises:
        ValueError: no image to score, fewer than no resamples.
    """
    if not truth.images:
        raise ValueError(f'{truth.source or "the truth"}: no image to score')
    rules = rules or UAVRules()
    evaluator = run_coco(truth, predictions, rules)
    findings = examine(truth, predictions, rules.iou_thr)
    figures = {**averages(evaluator, rules), **operating_figures(findings, rules)}
    if rules.nwd:
        near = examine(truth, predictions, NWD_THRESHOLD, rules.nwd)
        found = {'AP50': near.average_precision(len(truth.classes)), **operating_figures(near, rules)}
        figures.update({f'{key}{rules.nwd_suffix}': found[key] for key in ('AP50', 'precision', 'recall', 'F1')})
    parts = (truth, evaluator, findings, rules)
    return UAVScores(
        name=name, rules=rules, truth=truth, figures={key: figures[key] for key in rules.names},
        counts=_counts(truth, predictions, findings), findings=findings, resamples=resamples,
        intervals=draw_figures(*parts, resamples=resamples, seed=seed),
        by_video=figures_by_video(*parts) if by_video else {})


def _counts(truth: Truth, predictions: Mapping[int, Predicted], findings: Findings) -> dict[str, int]:
    side = findings.side
    areas: Floats = side**2
    bins: Ints = np.digitize(side, [ends[1] for ends in SIDES[:-1]])
    found = dict(images=len(truth.images), negatives=int(findings.negative.sum()), videos=len(truth.videos),
                 targets=len(side), ignored=int(sum(one.truth.ignored.sum() for one in truth.images.values())),
                 predictions=sum(len(predictions.get(image, ())) for image in truth.images))
    found.update({f'targets_{name}': int(((areas >= low) & (areas <= high)).sum())
                  for name, (low, high) in AREA_RANGES.items() if name != 'all'})
    found.update({f'targets_{key.removeprefix("recall_")}': int((bins == place).sum())
                  for place, key in enumerate(SIDE_KEYS)})
    return found


def _strict(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
