"""How many times as fast ours is, from the files of ``tools/benchmark.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib.ticker
from matplotlib.axes import Axes

from perception_kd.datasets.nuscenes.tables import read_json
from perception_kd.visualization.palette import CHART_COLOURS, FAINT_INK, INK, Colour
from perception_kd.visualization.quiet_axes import quiet_axes
from perception_kd.visualization.sheet import Sheet

FASTER, SLOWER = CHART_COLOURS[:2]
WIDTH, MARGIN, GAP, TOP, ROW, BOTTOM, MOST_NAME = 760, 16, 12, 60, 36, 44, 330


@dataclass(frozen=True)
class Speed:
    """Two sides of one column of a benchmark.

    Args:
        title: What was done.
        other: Name of the other side.
        seconds: Of the other side, and of ours: one or more runs each.
    """

    title: str
    other: str
    seconds: tuple[Sequence[float], Sequence[float]]

    @property
    def ratio(self) -> float:
        """The other side's median over ours."""
        other, ours = map(median, self.seconds)
        return other / ours

    @property
    def span(self) -> tuple[float, float]:
        """The ratio of the other side's least to our most, and of its most to our least."""
        other, ours = self.seconds
        return min(other) / max(ours), max(other) / min(ours)


def read_speeds(path: Path, column: str | None = None, title: str | None = None) -> list[Speed]:
    """The columns of a file that time two sides.

    Args:
        path: Written by ``tools/benchmark.py KIND --json FILE``.
        column: Only this one.
        title: In place of the benchmark's and the column's name.

    Raises:
        FileNotFoundError, ValueError: No such file; one that holds no such timings, or not this column.
    """
    found = read_json(path, 'give files of tools/benchmark.py ... --json FILE')
    try:
        name, sides = found['benchmark'], {key: _sides(found['seconds'][key]) for key in dict(found['ratio'])}
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        sides = {}
    if not sides:
        raise ValueError(f'{path} does not time ours beside another side; pooling, ops, nds, infos and loader of '
                         'tools/benchmark.py --json do')
    if column is not None and column not in sides:
        raise ValueError(f'{path} has no column {column!r}; there are: {"; ".join(sides)}')
    return [Speed(title or f'{name}: {key}', *one) for key, one in sides.items() if column in (None, key)]


def _sides(runs: Mapping[str, Any]) -> tuple[str, tuple[list[float], list[float]]]:
    """The first side, and the second, which is ours."""
    (other, theirs), (_, ours) = list(runs.items())[:2]
    if not (isinstance(theirs, list) and isinstance(ours, list) and theirs and ours):
        raise ValueError('a side is a list of runs')
    values = [float(value) for value in (*theirs, *ours)]
    if not all(0 < value < float('inf') for value in values):
        raise ValueError('runs are seconds above 0')
    return other, (values[:len(theirs)], values[len(theirs):])


def draw_speeds(speeds: Sequence[Speed]) -> Sheet:
    """A bar each on a logarithmic scale, with the span of all runs; faint where that holds 1, or of a single run.

    Args:
        speeds: One or more, from the top down.
    """
    sheet = Sheet(width=WIDTH, height=TOP + len(speeds) * ROW + BOTTOM)
    sheet.text(MARGIN, 18, 'How many times as fast', size=12, weight='bold')
    single = [place for place, speed in enumerate(speeds) if min(map(len, speed.seconds)) < 2]
    sheet.text(MARGIN, 38, 'medians; both sides in one call of tools/benchmark.py; line: span of all runs'
               + ('; pale: one run a side' if single else ''), size=8.5, colour=FAINT_INK)
    wide, numbers = [], []
    for place, speed in enumerate(speeds):
        top = TOP + place * ROW
        for text in (sheet.text(MARGIN, top + 11, speed.title),
                     sheet.text(MARGIN, top + 25, f'beside {speed.other}', size=7.5, colour=FAINT_INK)):
            sheet.shorten(text, MOST_NAME)
            wide.append(sheet.width_of(text))
        number = sheet.text(WIDTH - MARGIN, top + ROW / 2, f'{_number(speed.ratio)}\N{MULTIPLICATION SIGN}',
                            align='right')
        numbers.append(sheet.width_of(number))
    left = MARGIN + max(wide) + GAP
    axes = sheet.axes(left, TOP, WIDTH - MARGIN - max(numbers) - GAP - left, len(speeds) * ROW)
    axes.set_xscale('log')
    for place, speed in enumerate(speeds):
        axes.barh(place, speed.ratio - 1, left=1, height=0.42, color=_colour(speed), zorder=2,
                  alpha=0.55 if place in single else 1)
        axes.plot(speed.span, [place, place], color=INK, linewidth=1, zorder=3)
    _dress(axes, speeds)
    return sheet


def _dress(axes: Axes, speeds: Sequence[Speed]) -> None:
    ends = [1.0, *(end for speed in speeds for end in speed.span)]
    axes.set(xlim=(min(ends) / 1.15, max(ends) * 1.15), ylim=(len(speeds) - 0.5, -0.5), yticks=[])
    axes.axvline(1, color=INK, linewidth=0.9, zorder=4)
    axes.xaxis.set_major_locator(matplotlib.ticker.FixedLocator(_ticks(*axes.get_xlim())))
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f'{value:g}'))
    quiet_axes(axes, 'x', hidden=('top', 'left', 'right'))


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers, closer where the scale is short."""
    if high / low < 2:
        return [tenth / 10 for tenth in range(1, 100) if low <= tenth / 10 <= high]
    steps = (1,) if high / low > 1000 else (1, 2, 5) if high / low > 4 else (1, 1.5, 2, 3, 5, 7)
    found = [step * 10.0 ** power for power in range(-9, 10) for step in steps]
    return [value for value in found if low <= value <= high]


def _number(ratio: float) -> str:
    return f'{ratio:,.0f}' if ratio >= 100 else f'{ratio:.3g}'


def _colour(speed: Speed) -> Colour:
    low, high = speed.span
    return FAINT_INK if low < 1 < high else FASTER if speed.ratio >= 1 else SLOWER
