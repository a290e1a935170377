"""Does a student inherit its teacher's bias? Teacher, student and distilled student slice by slice."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr

from perception_kd.datasets.nuscenes.tables import simulated_world
from perception_kd.evaluation.devkit_tables import load_devkit, split_tokens, version_tokens
from perception_kd.evaluation.matches import Array, Matches, class_ap
from perception_kd.evaluation.nuscenes_official import devkit_evaluation
from perception_kd.evaluation.slices import Slice, SlicedEvaluation, default_slices
from perception_kd.evaluation.submission import read_results

if TYPE_CHECKING:
    from nuscenes.eval.detection.data_classes import DetectionConfig

MODELS = ('teacher', 'student', 'distilled')
INHERITED, NOT_INHERITED = 'inherited weakness', 'weakness not inherited'
Interval = tuple[float, float] | None


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

    AP is nuscenes-devkit's. A class counts in a slice from ``min_boxes`` true boxes on; the slice's AP is the mean over
    such classes, and blank without one. Intervals come from drawing scenes with replacement; key frames of a scene
    show the same objects, so that single frames would make them too narrow.

    Gap and gain share the student: what its one training happened to miss is in both and moves the correlation up, and
    the resamples, which repeat no training, do not know. Read it beside several seeds.

    Args:
        results: Result files by ``MODELS``.
        data_root, version, split: As for :func:`~perception_kd.evaluation.nuscenes_official.evaluate_devkit`.
        slices: Default: :func:`default_slices`.
        min_boxes: At least 1.
        resamples: 0: no intervals.
        seed: Of the drawing.

    Raises:
        FileNotFoundError, ValueError: bad paths, result files of other samples, a split without truth, wrong numbers.
    """
    if set(results) != set(MODELS) or min_boxes < 1 or resamples < 0:
        raise ValueError(f'bias needs result files of {", ".join(MODELS)}, min_boxes of at least 1 and resamples of at '
                         f'least 0, got {", ".join(results)}, {min_boxes} and {resamples}')
    evaluations = _evaluations(results, data_root, version, split)
    first = evaluations[MODELS[0]]
    weights = _draw(len(_scene_numbers(first)[1]), resamples, seed)
    found = [_slice(one, evaluations, min_boxes, weights) for one in slices or default_slices()]
    whole = sum(len(first.evaluation.gt_boxes[token]) for token in first.scenes)
    rated = [(result, drawn) for result, drawn in found if result.gap is not None and result.boxes < whole]
    correlation, interval = _inheritance(rated)
    meta = dict(results={name: str(results[name]) for name in MODELS}, version=version, split=split,
                world=simulated_world(data_root, version), scenes=len(_scene_numbers(first)[1]),
                key_frames=len(first.scenes), min_boxes=min_boxes, resamples=len(weights), seed=seed)
    return BiasReport(meta, [result for result, _ in found], correlation, interval, len(rated))


def _evaluations(results: Mapping[str, str | Path], data_root: str | Path, version: str,
                 split: str) -> dict[str, SlicedEvaluation]:
    tokens, known = split_tokens(data_root, version, split), version_tokens(data_root, version)
    contents = {name: read_results(results[name], tokens, known) for name in MODELS}
    nusc = load_devkit(data_root, version)
    with redirect_stderr(io.StringIO()):  # the devkit's progress bars
        return {name: SlicedEvaluation(devkit_evaluation(nusc, contents[name], tokens, results[name]))
                for name in MODELS}


def _scene_numbers(evaluation: SlicedEvaluation) -> tuple[dict[str, int], list[str]]:
    """Number of the scene of each key frame, and the scenes."""
    scenes = sorted({row['token'] for row in evaluation.scenes.values()})
    return {token: scenes.index(row['token']) for token, row in evaluation.scenes.items()}, scenes


def _draw(scenes: int, resamples: int, seed: int) -> Array:
    """``(R, S)`` how often each scene is drawn; a single scene has nothing to be drawn from."""
    if scenes < 2 or not resamples:
        return np.zeros((0, scenes))
    return np.random.default_rng(seed).multinomial(scenes, np.full(scenes, 1 / scenes), size=resamples).astype(float)


def _slice(chosen: Slice, evaluations: Mapping[str, SlicedEvaluation], min_boxes: int,
           weights: Array) -> tuple[SliceResult, dict[str, Array]]:
    """A slice's result, and its AP by model in every resample ``(R,)``."""
    boxes = {name: evaluation.boxes(chosen) for name, evaluation in evaluations.items()}
    first = evaluations[MODELS[0]]
    cfg, scene_of = first.evaluation.cfg, _scene_numbers(first)[0]
    there = boxes[MODELS[0]][0].all
    truth, scenes = [box.detection_name for box in there], {scene_of[box.sample_token] for box in there}
    classes = tuple(name for name in cfg.class_names if truth.count(name) >= min_boxes)
    result = SliceResult(chosen.family, chosen.name, len(truth), len(scenes), classes)
    if not classes:
        return result, {}
    ap = {name: float(np.mean([class_ap(*pair, one, cfg) for one in classes])) for name, pair in boxes.items()}
    drawn = {name: _resampled(pair, classes, weights, cfg, scene_of) for name, pair in boxes.items()}
    gap, gain = ap['teacher'] - ap['student'], ap['distilled'] - ap['student']
    gaps, gains = drawn['teacher'] - drawn['student'], drawn['distilled'] - drawn['student']
    seen = np.isfinite(gaps)
    share = float(np.mean((gaps[seen] < 0) & (gains[seen] < 0))) if seen.any() else None
    finding = '' if gap >= 0 else INHERITED if gain < 0 else NOT_INHERITED
    return replace(result, ap=ap, gap=gap, gain=gain, gap_interval=_interval(gaps), gain_interval=_interval(gains),
                   finding=finding, share_inherited=share), dict(gap=gaps, gain=gains)


def _resampled(boxes: tuple[Any, Any], classes: Sequence[str], weights: Array, cfg: DetectionConfig,
               scene_of: Mapping[str, int]) -> Array:
    """AP ``(R,)``, mean over the classes that a resample has."""
    if not len(weights):
        return np.zeros(0)
    each = np.array([Matches.make(*boxes, name, cfg, scene_of).average_precision(weights, cfg) for name in classes])
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)  # a resample without any of the classes is NaN
        return np.nanmean(each, axis=0)


def _interval(values: Array) -> Interval:
    """95 % of the finite values."""
    values = values[np.isfinite(values)]
    return tuple(np.percentile(values, [2.5, 97.5]).tolist()) if len(values) else None


def _inheritance(rated: Sequence[tuple[SliceResult, Mapping[str, Array]]]) -> tuple[float | None, Interval]:
    value = rank_correlation([result.gap for result, _ in rated], [result.gain for result, _ in rated])
    if value is None:
        return None, None
    gaps, gains = (np.array([drawn[key] for _, drawn in rated]) for key in ('gap', 'gain'))
    drawn = [rank_correlation(gap[seen], gain[seen])
             for gap, gain, seen in zip(gaps.T, gains.T, np.isfinite(gaps).T)]
    return value, _interval(np.array([one for one in drawn if one is not None], float))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's, None for less than three pairs or where one side is all the same."""
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)
