"""How large the matchers of a report are, and how long they take, as far as anything says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from perception_kd.visualization.report.moved import lies_in
from perception_kd.visualization.report.runs import Run, RunSet
from perception_kd.visualization.report.stereo.times import SideTimes, StereoTimes, read_times

_STATISTICS = ('running_mean', 'running_var', 'num_batches_tracked')


def all_times(runs: RunSet) -> list[StereoTimes]:
    """The benchmarks beside the runs.

    Raises:
        ValueError: a file is damaged.
    """
    return [read_times(path) for path in runs.extras.stereo_times]


def side_of(run: Run, runs: RunSet, times: StereoTimes) -> SideTimes | None:
    """What was measured of a run: with its weights, else with its config, else with a network like its own.

    The same network takes the same time with other weights.
    """
    for one in (run, *(other for other in runs.runs if other is not run and _like(run, other))):
        for fits in (_has_weights, _has_config):
            side = next((side for side in times.sides if fits(one, side)), None)
            if side is not None:
                return side
    return None


def _has_weights(run: Run, side: SideTimes) -> bool:
    return side.classic == bool(_classic(run)) and (
        side.classic or (side.checkpoint is not None and lies_in(side.checkpoint, run.folder)))


def _has_config(run: Run, side: SideTimes) -> bool:
    return bool(side.config) and side.config in {Path(str(run.config.get('filename') or '')).name,
                                                 *(path.name for path in run.folder.glob('*.py'))}


def _classic(run: Run) -> bool:
    return any(one.settings for one in run.tested.values())


def _like(run: Run, other: Run) -> bool:
    """Whether both have one network."""
    ours, theirs = network_of(run.config), network_of(other.config)
    return bool(ours) and ours == theirs


def network_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings of the network that is deployed: of the student in a distiller; empty where nothing says so."""
    model = config.get('model')
    model = model if isinstance(model, Mapping) else {}
    inner = model.get('student') if model.get('type') == 'Distiller' else model
    return inner if isinstance(inner, Mapping) else {}


@dataclass(frozen=True)
class Size:
    """Of one matcher.

    Args:
        parameters: None where nothing says so.
        macs: Multiply-accumulates of a pair, likewise.
        seconds: Of a pair, likewise.
    """

    parameters: int | None = None
    macs: float | None = None
    seconds: float | None = None


def size_of(run: Run, runs: RunSet, times: Sequence[StereoTimes]) -> Size:
    """Of the first benchmark that knows it; parameters from its checkpoint otherwise."""
    side = next((found for one in times if (found := side_of(run, runs, one)) is not None), None)
    parameters = side.parameters if side else None
    if parameters is None and run.checkpoint is not None:
        parameters = _parameters(run.checkpoint.resolve())
    return Size(parameters, side.macs if side else None, side.median if side else None)


@cache
def _parameters(checkpoint: Path) -> int | None:
    """Of the student in it; None of a file that cannot be read."""
    from perception_kd.export.student import student_weights

    try:
        weights = student_weights(checkpoint)
    except (OSError, ValueError):
        return None
    return sum(value.numel() for name, value in weights.items() if name.rpartition('.')[2] not in _STATISTICS)
