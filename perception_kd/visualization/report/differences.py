"""How far the models of a report are from its baseline, and whether the choice of the scenes explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perception_kd.comparison.table import paired
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.resampling.difference import MetricDifference, compare
from perception_kd.visualization.report.examined import can_examine, examine_run
from perception_kd.visualization.report.runs import TEACHER, Method, RunSet

_ROUNDED = 1e-4
RESAMPLES = 300
"""Of the scenes; the ends of a 95 % interval are then the seventh or eighth values from either side."""


@dataclass(frozen=True)
class Against:
    """One method beside the baseline.

    Args:
        method: Which.
        metrics: Differences by metric, method minus baseline, with the interval of resampled scenes where the result
            files could be read.
        scenes: That were resampled; 0 for none.
        over_seeds: Interval of the difference by Student's t where there are two seeds or more of both, by metric.
    """

    method: Method
    metrics: Mapping[str, MetricDifference]
    over_seeds: Mapping[str, tuple[float, float]]
    scenes: int = 0

    def interval(self, metric: str) -> tuple[float, float] | None:
        """Over seeds where there are several, since that is the larger doubt; else over scenes."""
        found = self.metrics.get(metric)
        return self.over_seeds.get(metric) or (found.interval if found else None)


def against_baseline(runs: RunSet, metrics: tuple[str, ...]) -> list[Against]:
    """Each scored method but the baseline and the teachers, which nobody asks about; in order."""
    baseline = runs.baseline_method
    if baseline is None or not any(run.scored for run in baseline.runs):
        return []
    others = [one for one in runs.methods if one is not baseline and one.role != TEACHER
              and any(run.scored for run in one.runs)]
    return [_against(one, baseline, metrics) for one in others]


def _against(method: Method, baseline: Method, metrics: tuple[str, ...]) -> Against:
    rows = [dict(name=one.title, seed=run.seed, metrics=run.metrics)
            for one in (method, baseline) for run in one.runs if run.scored]
    found, spans = {}, {}
    for metric in metrics:
        by_seed = paired(rows, baseline.title, method.title, metric)
        if by_seed.interval:
            spans[metric] = by_seed.interval
        found[metric] = _plain(method, baseline, metric)
    resampled, scenes = _resampled(method, baseline, metrics)
    if any(not _fits(one, found[name]) for name, one in resampled.items()):
        resampled, scenes = {}, 0
    return Against(method, {**found, **resampled}, spans, scenes)


def _fits(resampled: MetricDifference, filed: MetricDifference) -> bool:
    """Whether the result files give the difference that the metrics' files have."""
    return filed.difference is not None and abs(resampled.difference - filed.difference) < _ROUNDED


def _plain(method: Method, baseline: Method, metric: str) -> MetricDifference:
    ours, theirs = (one.values(metric) for one in (method, baseline))
    first, second = (sum(values) / len(values) if values else None for values in (theirs, ours))
    difference = None if first is None or second is None else second - first
    return MetricDifference(metric, first, second, difference)


def _resampled(method: Method, baseline: Method, metrics: tuple[str, ...]) -> tuple[dict[str, MetricDifference], int]:
    """Of runs with the same seeds, where all result files and their data are here and fit; and of how many scenes."""
    couples = [(one, other) for one, other in zip(baseline.runs, method.runs) if one.seed == other.seed]
    places = {(run.data.root, run.data.version, run.data.split) for couple in couples for run in couple}
    if len(places) != 1 or not all(can_examine(run) for couple in couples for run in couple):
        return {}, 0
    try:
        examined = [[examine_run(run) for run in side] for side in zip(*couples)]
    except (OSError, ValueError):
        return {}, 0  # the findings say which file, and why
    first, second = ([one.rankings for one in side] for side in examined)
    found = compare(first, second, OfficialSettings(), resamples=RESAMPLES, seed=0)
    return ({one.name: one for one in found if one.name in metrics and one.difference is not None},
            len(examined[0][0].truth.scenes))
