"""Are two models different? Every metric of B minus that of A, paired by scene, with interval and significance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perception_kd.evaluation.fast.boxes import Floats, Ints
from perception_kd.evaluation.fast.settings import DetectionSettings
from perception_kd.evaluation.report import METRICS
from perception_kd.evaluation.resampling.bootstrap import Interval, Progress, draw_scenes, interval, sampled_metrics
from perception_kd.evaluation.resampling.ranking import Ranking, merge
from perception_kd.structures.classes import NUSCENES_CLASSES

SIGNIFICANT = 0.05
_ROUNDING = 1e-12

Rankings = Mapping[str, Ranking]


@dataclass(frozen=True)
class MetricDifference:
    """One metric.

    Args:
        name: As in :data:`~perception_kd.evaluation.report.METRICS`.
        first, second: Of A and of B; mean over their trainings.
        difference: B minus A; None where the metric has no value.
        interval: 95 % of the paired resamples of scenes.
        p_value: Of the permutation test; None without one.
        adjusted: The same after Holm's correction within its family (totals; AP of classes; errors of classes).
        spreads: Standard deviation over the trainings of A and of B; None for a single one.
    """

    name: str
    first: float | None
    second: float | None
    difference: float | None
    interval: Interval = None
    p_value: float | None = None
    adjusted: float | None = None
    spreads: tuple[float | None, float | None] = (None, None)

    @property
    def significant(self) -> bool:
        """Whether chance in the choice of the scenes is no likely reason."""
        return self.adjusted is not None and self.adjusted < SIGNIFICANT

    @property
    def better(self) -> bool:
        """Whether B is better: errors are better when they are lower."""
        up = self.name in ('mAP', 'NDS', 'mAP_present') or self.name.endswith('_AP')
        return bool(self.difference) and (self.difference > 0) == up


def compare(first: Sequence[Rankings], second: Sequence[Rankings], settings: DetectionSettings, *, resamples: int,
            seed: int, progress: Progress | None = None) -> list[MetricDifference]:
    """Every metric of two models on the same key frames.

    The interval is of the paired bootstrap: A and B are scored on the same scenes drawn with replacement. The p-value
    is of a permutation test: for each scene by chance either side's answers are called A's. Without a difference
    between the models all such data sets are equally likely, so the share of those that differ by as much as the
    real one is the p-value, whatever the number of scenes or the shape of the distribution. Where there are
    no more such data sets than ``resamples``, all are counted, otherwise that many are drawn.

    Args:
        first, second: Of each training (``rank``); as many of A as of B, which are paired in their order.
        settings: Of the metric.
        resamples: Of the scenes, and permutations; 0: no interval and no p-value.
        seed: Of both.
        progress: Is told each step that is done.
    """
    scenes = len(next(iter(first[0].values())).truth)
    weights = np.vstack([np.ones((1, scenes), np.int64), draw_scenes(scenes, resamples, seed)])
    values = [[sampled_metrics(one, weights, settings, progress) for one in side] for side in (first, second)]
    swapped = _permuted(first, second, settings, _swaps(scenes, resamples, seed), progress)
    found = {name: _difference(name, *([one[name] for one in side] for side in values), swapped.get(name))
             for name in METRICS}
    return _corrected(found)


def smallest_p(scenes: int, permutations: int) -> float:
    """The smallest p-value that the permutation test can give."""
    return 2 / 2**scenes if _all_ways(scenes, permutations) else 1 / (permutations + 1)


def count_steps(trainings: int, resamples: int) -> int:
    """How often ``progress`` is called: for each class of each training, and twice of each pair in the test."""
    return len(NUSCENES_CLASSES) * trainings * (4 if resamples else 2)


def _swaps(scenes: int, permutations: int, seed: int) -> Ints:
    """``(P, S)`` in which scenes the sides change places: all ways if there are no more than asked for."""
    if _all_ways(scenes, permutations):
        return (np.arange(2**scenes)[:, None] >> np.arange(scenes)) & 1
    drawn = np.random.default_rng(seed).integers(0, 2, (permutations, scenes))
    return np.vstack([np.zeros((min(permutations, 1), scenes), np.int64), drawn])  # the real one is one of them


def _all_ways(scenes: int, permutations: int) -> bool:
    return scenes < 60 and 2**scenes <= permutations


def _permuted(first: Sequence[Rankings], second: Sequence[Rankings], settings: DetectionSettings, swaps: Ints,
              progress: Progress | None) -> dict[str, Floats]:
    """Differences ``(P,)`` by metric after the sides have changed places in some scenes."""
    if not len(swaps):
        return {}
    total: dict[str, Floats] = {}
    for one, other in zip(first, second):
        both = {name: merge(one[name], other[name]) for name in one}
        a_side, b_side = (sampled_metrics(both, np.hstack(pair).astype(np.int64), settings, progress)
                          for pair in ((1 - swaps, swaps), (swaps, 1 - swaps)))
        for name in METRICS:
            total[name] = total.get(name, 0) + (b_side[name] - a_side[name]) / len(first)
    return total


def _difference(name: str, first: Sequence[Floats], second: Sequence[Floats],
                swapped: Floats | None) -> MetricDifference:
    a_values, b_values = (np.mean(side, axis=0) for side in (first, second))
    difference = b_values - a_values
    if not np.isfinite(difference[0]):
        return MetricDifference(name, None, None, None)
    p_value = None
    if swapped is not None:
        p_value = float(np.mean(np.abs(swapped) >= abs(difference[0]) - _ROUNDING))
    spreads = tuple(float(np.std([one[0] for one in side], ddof=1)) if len(side) > 1 else None
                    for side in (first, second))
    return MetricDifference(name, float(a_values[0]), float(b_values[0]), float(difference[0]),
                            interval(difference[1:]), p_value, None, spreads)


def _corrected(found: Mapping[str, MetricDifference]) -> list[MetricDifference]:
    """With Holm's correction within each of the three families."""
    families: dict[str, list[str]] = {}
    for name, one in found.items():
        if one.p_value is not None and name != 'mAP_present':  # with one set of classes the same test as the mAP's
            families.setdefault(_family(name), []).append(name)
    adjusted: dict[str, float | None] = {}
    for names in families.values():
        adjusted.update(zip(names, holm([found[name].p_value for name in names])))
    adjusted['mAP_present'] = adjusted.get('mAP')
    return [replace(one, adjusted=adjusted.get(name)) for name, one in found.items()]


def _family(name: str) -> str:
    if not name.startswith(tuple(f'{one}_' for one in NUSCENES_CLASSES)):
        return 'totals'
    return 'AP' if name.endswith('_AP') else 'errors'


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979)."""
    order = np.argsort(p_values, kind='stable')
    count, worst = len(order), np.zeros(len(order))
    worst[order] = np.maximum.accumulate(np.asarray(p_values)[order] * (count - np.arange(count)))
    return np.minimum(worst, 1).tolist()
