"""A picture of paired differences: a line a method, with its seeds and its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.ticker
from matplotlib.axes import Axes

from perception_kd.comparison.direction import better_when_higher
from perception_kd.comparison.table import CONFIDENCE, Paired
from perception_kd.visualization.palette import CHART_COLOURS, FAINT_INK, INK, Colour
from perception_kd.visualization.quiet_axes import quiet_axes
from perception_kd.visualization.sheet import Sheet

BETTER, WORSE = CHART_COLOURS[:2]
WIDTH, MARGIN, GAP, TOP, ROW, BOTTOM, MOST_NAME = 760, 16, 14, 66, 30, 52, 300
_APART = 0.2
"""Of a row, between the middle of a method and each of its intervals."""


@dataclass(frozen=True)
class Row:
    """A method.

    Args:
        name: Its name.
        paired: Its differences from the reference by seed, one or more.
        over_frames: Interval of the mean over frames, where it is known.
    """

    name: str
    paired: Paired
    over_frames: tuple[float, float] | None = None

    def side(self) -> int:
        """1 where all that is known lies above 0, -1 where all lies below, else 0; a single seed tells nothing."""
        known = [ends for ends in (self.paired.interval, self.over_frames) if ends is not None]
        if self.paired.interval is None:
            return 0
        return 1 if all(low > 0 for low, _ in known) else -1 if all(high < 0 for _, high in known) else 0


def draw_differences(rows: Sequence[Row], metric: str, reference: str) -> Sheet:
    """Mean, interval over seeds and, where known, over frames, with every seed as a dot.

    Args:
        rows: One or more, from the top down.
        metric: Of which.
        reference: Name of the method that they are compared with.
    """
    height = TOP + len(rows) * ROW + BOTTOM
    sheet = Sheet(width=WIDTH, height=height)
    sheet.text(MARGIN, 18, f'{metric}: differences from {reference}', size=12, weight='bold')
    sheet.text(MARGIN, 38, _key(rows), size=8.5, colour=FAINT_INK)
    middles = [TOP + (place + 0.5) * ROW for place in range(len(rows))]
    names, numbers = [], []
    for row, middle in zip(rows, middles):
        name = sheet.text(MARGIN, middle, row.name)
        sheet.shorten(name, MOST_NAME)
        names.append(sheet.width_of(name))
        number = sheet.text(WIDTH - MARGIN, middle, _signed(row.paired.mean), align='right')
        numbers.append(sheet.width_of(number))
    left = MARGIN + max(names) + GAP
    axes = sheet.axes(left, TOP, WIDTH - MARGIN - max(numbers) - GAP - left, len(rows) * ROW)
    for place, row in enumerate(rows):
        _draw(axes, row, place, _colour(row.side(), metric))
    _dress(axes, rows, metric)
    return sheet


def _draw(axes: Axes, row: Row, place: int, colour: Colour) -> None:
    known = row.paired.interval is not None
    if known:
        axes.plot(row.paired.interval, [place - _APART * (row.over_frames is not None)] * 2, color=colour, linewidth=3,
                  solid_capstyle='butt', zorder=3)
    if row.over_frames is not None:
        axes.plot(row.over_frames, [place + _APART] * 2, color=colour, linewidth=1, solid_capstyle='butt', zorder=3)
    axes.plot(row.paired.differences, [place] * len(row.paired.differences), linestyle='', marker='o', markersize=3.2,
              markerfacecolor='white', markeredgecolor=colour, markeredgewidth=0.8, zorder=4)
    if known:
        axes.plot([row.paired.mean], [place], linestyle='', marker='D', markersize=5.5, color=colour, zorder=5)


def _dress(axes: Axes, rows: Sequence[Row], metric: str) -> None:
    ends = [0.0, *(value for row in rows for value in (
        *row.paired.differences, *(row.paired.interval or ()), *(row.over_frames or ())))]
    room = 0.06 * ((max(ends) - min(ends)) or 1.0)
    axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
    axes.set(xlim=(min(ends) - room, max(ends) + room), ylim=(len(rows) - 0.5, -0.5))
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: _signed(value)))
    axes.set_xlabel(_directions(metric), fontsize=8.5, color=INK)
    quiet_axes(axes, 'x', hidden=('top', 'left', 'right'))


def _key(rows: Sequence[Row]) -> str:
    if all(row.paired.interval is None for row in rows):
        return 'one seed: it tells nothing about another'
    frames = ', thin line over frames' if any(row.over_frames for row in rows) else ''
    return (f'circles: seeds; diamond: their mean; {CONFIDENCE:.0%} intervals: thick line over seeds{frames}; '
            'coloured: clear of 0')


def _directions(metric: str) -> str:
    return 'higher is better' if better_when_higher(metric) else ''


def _colour(side: int, metric: str) -> Colour:
    """Of a quantity that may grow with quality or fall with it nobody knows better from worse."""
    if not side:
        return FAINT_INK
    return INK if not better_when_higher(metric) else BETTER if side > 0 else WORSE


def _signed(value: float) -> str:
    return f'{value + 0.0:+.3f}'.replace('-', '\N{MINUS SIGN}') if abs(value) >= 5e-4 else '0'
