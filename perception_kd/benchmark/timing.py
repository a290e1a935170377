"""Interleaved timing of several sides of one comparison."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import torch
from torch import Tensor

Work = Callable[[], Mapping[str, Tensor]]
PACKAGES = ('torch', 'numpy', 'mmengine', 'mmcv', 'mmcv-lite', 'mmdet3d', 'nuscenes-devkit', 'onnxruntime')


@dataclass(frozen=True)
class Comparison:
    """Seconds of every run of two sides, and how far their results differ.

    Attributes:
        other, ours: Names of the sides.
        seconds: Per side, one number a run.
        max_difference: Per result, the largest absolute difference between the sides.
    """

    other: str
    ours: str
    seconds: dict[str, list[float]]
    max_difference: dict[str, float]

    @property
    def medians(self) -> dict[str, float]:
        """Median seconds per side."""
        return {side: statistics.median(runs) for side, runs in self.seconds.items()}

    @property
    def ratio(self) -> float:
        """The other side's median over ours: above 1, ours is faster."""
        return self.medians[self.other] / self.medians[self.ours]


def compare(other: tuple[str, Work], ours: tuple[str, Work], *, runs: int, warm_up: bool = True) -> Comparison:
    """Time two sides turn by turn, so that a busy machine disturbs both alike.

    Args:
        other, ours: Name and work. The work returns the results to compare, by name.
        runs: Measured runs of each side.
        warm_up: Run both once unmeasured before; not for work of many minutes.
    """
    if runs < 1:
        raise ValueError(f'compare needs at least one run, got {runs}')
    sides = dict((other, ours))
    results = {side: work() for side, work in sides.items()} if warm_up else {}
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(runs):
        for side, work in sides.items():
            _wait()
            start = time.perf_counter()
            results.setdefault(side, work())
            _wait()
            seconds[side].append(time.perf_counter() - start)
    first, second = results.values()
    difference = {name: float((value - second[name]).detach().abs().max()) for name, value in first.items()}
    return Comparison(other[0], ours[0], seconds, difference)


def turns(sides: Iterable[str], runs: int) -> Iterator[str]:
    """Every side once a run; who begins and who follows whom changes from run to run."""
    names = list(sides)
    for run in range(runs):
        order = names[run % len(names):] + names[:run % len(names)]
        yield from reversed(order) if run % 2 else order


class Spread(NamedTuple):
    """Median of some runs, and the quarter below and above which the others lie."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, runs: Sequence[float]) -> Spread:
        """Of one run or more."""
        low, median, high = statistics.quantiles(runs, method='inclusive') if len(runs) > 1 else runs * 3
        return cls(median, low, high)

    def ms(self) -> str:
        """Seconds as milliseconds: ``median (low-high)``."""
        return f'{self.median * 1e3:.1f} ({self.low * 1e3:.1f}-{self.high * 1e3:.1f})'


@dataclass
class Report:
    """All comparisons of one benchmark, each a column of its table.

    Attributes:
        benchmark: Its name.
        setting: Sizes and whatever else defines the case.
        columns: Comparisons by name.
    """

    benchmark: str
    setting: dict[str, object]
    columns: dict[str, Comparison] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Every run's seconds, medians, ratio and differences per column; machine and versions."""
        parts = ('seconds', 'medians', 'ratio', 'max_difference')
        return dict(benchmark=self.benchmark, setting=self.setting,
                    **{part: {name: getattr(column, part) for name, column in self.columns.items()}
                       for part in parts}, machine=machine(), versions=versions())

    def table(self) -> str:
        """One line a comparison: medians in milliseconds, ratio, largest difference."""
        lines = [f'{"":28s} {"other ms":>10s} {"ours ms":>10s} {"ratio":>7s} {"difference":>11s}']
        for name, column in self.columns.items():
            other, ours = (column.medians[side] * 1e3 for side in (column.other, column.ours))
            lines.append(f'{name:28s} {other:10.1f} {ours:10.1f} {column.ratio:7.2f} '
                         f'{max(column.max_difference.values()):11.1e}')
        sides = {(column.other, column.ours) for column in self.columns.values()}
        return '\n'.join([*lines, *(f'other: {other}; ours: {ours}' for other, ours in sorted(sides))])


def machine() -> dict[str, object]:
    """What the timings were taken on."""
    found = dict(processor=platform.processor() or platform.machine(), cores=os.cpu_count(),
                 threads=torch.get_num_threads(), load=os.getloadavg(), system=platform.platform())
    if torch.cuda.is_available():
        found['gpu'] = torch.cuda.get_device_name()
    return found


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that matter."""
    found = {'python': platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
