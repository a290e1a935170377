"""The figures of a report on stereo: which data sets, which figure comes first, and how far models are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from perception_kd.comparison.table import paired
from perception_kd.evaluation.resampling.bootstrap import draw_scenes, interval
from perception_kd.evaluation.stereo.errors import RegionErrors
from perception_kd.visualization.report.runs import Method, Run, RunSet

BAD, EPE = 'BP-2', 'EPE'
_BOUND = 2.0  # px, of BAD
RESAMPLES, FEW_PICTURES = 1000, 10
Ends = tuple[float, float] | None


def data_sets(runs: RunSet) -> list[str]:
    """Names, those that most runs were scored on first."""
    found: dict[str, int] = {}
    for run in runs.runs:
        for name in run.tested:
            found[name] = found.get(name, 0) + 1
    return sorted(found, key=lambda name: -found[name])


def tested_on(runs: RunSet, dataset: str) -> list[Method]:
    """Methods with a run that was scored on a data set."""
    return [one for one in runs.methods if any(dataset in run.tested for run in one.runs)]


def region_of(runs: RunSet, dataset: str) -> str:
    """Whose figures come first: that of the rules, ``all`` where a run does not know it."""
    found = {run.tested[dataset].errors.region for run in runs.runs if dataset in run.tested}
    return found.pop() if len(found) == 1 else 'all'


def main_figure(runs: RunSet, dataset: str) -> str:
    """``BP-2`` where its bound was counted by all, else ``EPE``."""
    rules = [run.tested[dataset].errors.protocol.thresholds for run in runs.runs if dataset in run.tested]
    return BAD if all(_BOUND in bounds for bounds in rules) else EPE


def value(method: Method, dataset: str, figure: str, region: str) -> float:
    """Mean over the seeds; NaN where there is none."""
    known = [one for one in method.values(f'{dataset}/{figure}_{region}') if math.isfinite(one)]
    return mean(known) if known else math.nan


def same_rules(runs: RunSet, dataset: str) -> bool:
    """Whether all runs were scored on the same pictures by the same rules, and may be compared."""
    found = [run.tested[dataset].errors for run in runs.runs if dataset in run.tested]
    return all(one.protocol == found[0].protocol and {picture.name for picture in one.pictures}
               == {picture.name for picture in found[0].pictures} for one in found)


def by_picture(run: Run, dataset: str, figure: str, region: str) -> dict[str, float]:
    """A figure of each picture that has pixels in the region; per cent, or px of EPE."""
    tested = run.tested.get(dataset)
    if tested is None:
        return {}
    index = None if figure == EPE else tested.errors.protocol.thresholds.index(_BOUND)
    found = {one.name: one.regions[region] for one in tested.errors.pictures if region in one.regions}
    values = {name: _share(errors, index) for name, errors in found.items()}
    return {name: one for name, one in values.items() if math.isfinite(one)}


def _share(errors: RegionErrors, index: int | None) -> float:
    over, total = (errors.error, errors.predicted) if index is None else (100 * errors.bad[index], errors.pixels)
    return over / total if total else math.nan


@dataclass(frozen=True)
class Change:
    """A figure of one method less that of the baseline.

    Args:
        difference: Below 0 is better; NaN where it is not known.
        ends: 95 % interval: over the seeds where both have several, else of pictures drawn anew; None without, as
            where one has other seeds than the other.
        seeds: It is the former.
        pictures: That were drawn from.
    """

    difference: float
    ends: Ends = None
    seeds: bool = False
    pictures: int = 0

    @property
    def reading(self) -> str:
        """What it may be called."""
        if self.ends is None:
            return 'no interval'
        if not self.seeds and self.pictures < FEW_PICTURES:
            return 'too few pictures'
        if self.ends[0] <= 0 <= self.ends[1]:
            return 'within the noise'
        return 'better' if self.difference < 0 else 'worse'


def change(method: Method, baseline: Method, dataset: str, figure: str, region: str) -> Change:
    """How far a method is from the baseline on a data set."""
    key = f'{dataset}/{figure}_{region}'
    difference = value(method, dataset, figure, region) - value(baseline, dataset, figure, region)
    rows = [dict(name=one.title, seed=run.seed, metrics=run.metrics) for one in (method, baseline) for run in one.runs
            if run.metrics and run.seed is not None]
    over_seeds = paired(rows, baseline.title, method.title, key).interval
    if over_seeds:
        return Change(difference, over_seeds, seeds=True)
    seeds = [{run.seed for run in one.runs} - {None} for one in (method, baseline)]
    if all(seeds) and seeds[0] != seeds[1]:
        return Change(difference)
    ours, theirs = (_mean_pictures(one.runs, dataset, figure, region) for one in (method, baseline))
    common = sorted(ours.keys() & theirs.keys())
    apart = np.array([ours[name] - theirs[name] for name in common])
    return Change(difference, _drawn_anew(apart) if _means(method, dataset, figure) else None, pictures=len(common))


def _means(method: Method, dataset: str, figure: str) -> bool:
    """Whether the figure is a mean over pictures, so that drawing them anew gives its interval."""
    rules = [run.tested[dataset].errors.protocol for run in method.runs if dataset in run.tested]
    kinds = {(one.epe_aggregate if figure == EPE else None) or one.aggregate for one in rules}
    return kinds == {'image_mean'}


def _mean_pictures(runs: Sequence[Run], dataset: str, figure: str, region: str) -> Mapping[str, float]:
    """Of each picture, over the seeds."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for name, one in by_picture(run, dataset, figure, region).items():
            found.setdefault(name, []).append(one)
    return {name: mean(values) for name, values in found.items()}


def _drawn_anew(apart: NDArray[np.float64]) -> Ends:
    """Of the mean over pictures, which are drawn with replacement."""
    weights = draw_scenes(len(apart), RESAMPLES, seed=0)
    return interval(weights @ apart / max(len(apart), 1))
