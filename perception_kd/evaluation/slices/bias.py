"""Does a student inherit its teacher's bias? Teacher, student and distilled student slice by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from perception_kd.evaluation.answers import load_answers
from perception_kd.evaluation.fast.boxes import Floats, Ints
from perception_kd.evaluation.resampling.bootstrap import Interval, interval
from perception_kd.evaluation.slices.families import default_slices, of_families
from perception_kd.evaluation.slices.scores import SlicedAnswers, check_numbers, count_boxes, weights_with_all
from perception_kd.evaluation.slices.slice import Slice

MODELS = ('teacher', 'student', 'distilled')
FAMILIES = ('all', 'light', 'weather', 'distance', 'lidar-points', 'class')
"""Families of slices that are compared unless told otherwise."""

INHERITED, NOT_INHERITED = 'inherited weakness', 'weakness not inherited'


@dataclass(frozen=True)
class SliceResult:
    """One slice.

    Args:
        family, name: Of the slice.
        boxes: True boxes in it.
        scenes: Scenes that these are in.
        classes: Those with enough true boxes, over which AP is a mean.
        ap: By model, mean over ``classes``; None: no class has enough.
        gap, gain: Teacher minus student and distilled minus student.
        gap_interval, gain_interval: 95 % of the resamples.
        finding: ``inherited weakness`` where teacher and distilled student are below the student, ``weakness not
            inherited`` where only the teacher is, else empty.
        share_inherited: Share of the resamples in which the former holds.
    """

    family: str
    name: str
    boxes: int
    scenes: int = 0
    classes: tuple[str, ...] = ()
    ap: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(MODELS))
    gap: float | None = None
    gain: float | None = None
    gap_interval: Interval = None
    gain_interval: Interval = None
    finding: str = ''
    share_inherited: float | None = None


@dataclass(frozen=True)
class BiasReport:
    """All slices and the statistic of inheritance.

    Args:
        meta: What was compared: files, version, split, world, numbers of scenes and key frames, settings.
        slices: In the order asked for.
        correlation: Spearman's rank correlation between gap and gain over the slices that have both, but for those
            that are the whole split; None where it has no meaning (less than three slices, or nothing differs).
        interval: 95 % of the resamples.
        compared: How many slices took part.
    """

    meta: dict[str, Any]
    slices: list[SliceResult]
    correlation: float | None
    interval: Interval
    compared: int

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def compare_bias(results: Mapping[str, str | Path], data_root: str | Path, version: str, split: str, *,
                 slices: Sequence[Slice] | None = None, min_boxes: int = 20, resamples: int = 200,
                 seed: int = 0) -> BiasReport:
    """Score three result files slice by slice.

    AP is equal to nuscenes-devkit's (engine ``fast``). A class counts in a slice from ``min_boxes`` true boxes on; the
    slice's AP is the mean over such classes, and blank without one. Intervals come from drawing scenes with
    replacement (``bootstrap``).

    Gap and gain share the student: what its one training happened to miss is in both and moves the correlation up, and
    the resamples, which repeat no training, do not know. Read it beside several seeds.

    Args:
        results: Result files by ``MODELS``.
        data_root, version, split: As for :func:`~perception_kd.evaluation.nuscenes_official.evaluate_devkit`.
        slices: Default: those of :data:`FAMILIES`.
        min_boxes: At least 1.
        resamples: 0: no intervals.
        seed: Of the drawing.

    Raises:
        FileNotFoundError, ValueError: bad paths, result files of other samples, a split without truth, wrong numbers.
    """
    if set(results) != set(MODELS):
        raise ValueError(f'bias needs result files of {", ".join(MODELS)}, got {", ".join(results)}')
    check_numbers(min_boxes, resamples)
    answers = load_answers([results[name] for name in MODELS], data_root, version, split)
    models = {name: SlicedAnswers(answers.truth, boxes, answers.settings)
              for name, boxes in zip(MODELS, answers.predicted)}
    weights = weights_with_all(len(answers.truth.scenes), resamples, seed)
    found = [_slice(one, models, min_boxes, weights) for one in slices or of_families(FAMILIES, default_slices())]
    rated = [(result, drawn) for result, drawn in found
             if result.gap is not None and result.boxes < len(answers.truth.boxes)]
    correlation, within = _inheritance(rated)
    meta = dict(answers.meta, results={name: str(results[name]) for name in MODELS}, min_boxes=min_boxes,
                resamples=len(weights) - 1, seed=seed)
    return BiasReport(meta, [result for result, _ in found], correlation, within, len(rated))


def _slice(chosen: Slice, models: Mapping[str, SlicedAnswers], min_boxes: int,
           weights: Ints) -> tuple[SliceResult, dict[str, Floats]]:
    """A slice's result, and gap and gain in every resample ``(R,)``."""
    boxes = {name: answers.boxes(chosen) for name, answers in models.items()}
    count, scenes, classes = count_boxes(models[MODELS[0]].truth, boxes[MODELS[0]][0], min_boxes)
    result = SliceResult(chosen.family, chosen.name, count, scenes, classes)
    if not classes:
        return result, {}
    ap = {name: answers.metrics(boxes[name], classes, weights)[0] for name, answers in models.items()}
    gaps, gains = ap['teacher'] - ap['student'], ap['distilled'] - ap['student']
    gap, gain, gaps, gains = float(gaps[0]), float(gains[0]), gaps[1:], gains[1:]
    seen = np.isfinite(gaps)
    share = float(np.mean((gaps[seen] < 0) & (gains[seen] < 0))) if seen.any() else None
    finding = '' if gap >= 0 else INHERITED if gain < 0 else NOT_INHERITED
    return replace(result, ap={name: float(values[0]) for name, values in ap.items()}, gap=gap, gain=gain,
                   gap_interval=interval(gaps), gain_interval=interval(gains), finding=finding,
                   share_inherited=share), dict(gap=gaps, gain=gains)


def _inheritance(rated: Sequence[tuple[SliceResult, Mapping[str, Floats]]]) -> tuple[float | None, Interval]:
    value = rank_correlation([result.gap for result, _ in rated], [result.gain for result, _ in rated])
    if value is None:
        return None, None
    gaps, gains = (np.array([drawn[key] for _, drawn in rated]) for key in ('gap', 'gain'))
    drawn = [rank_correlation(gap[seen], gain[seen])
             for gap, gain, seen in zip(gaps.T, gains.T, np.isfinite(gaps).T)]
    return value, interval(np.array([one for one in drawn if one is not None], float))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's, None for less than three pairs or where one side is all the same."""
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)
