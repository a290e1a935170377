"""A picture of paired differences: a line a method, with its seeds and its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.ticker
from matplotlib.axes import Axes

from perception_kd.comparison.direction import direction
from perception_kd.comparison.table import CONFIDENCE, Paired
from perception_kd.visualization.palette import CHART_COLOURS, FAINT_INK, INK, Colour
from perception_kd.visualization.quiet_axes import quiet_axes
from perception_kd.visualization.sheet import Sheet

BETTER, WORSE = CHART_COLOURS[:2]
WIDTH, MARGIN, GAP, TOP, ROW, BOTTOM, MOST_NAME = 760, 16, 14, 84, 30, 52, 300
MOST_DIGITS = 6
_APART = 0.2
"""Of a row, between the middle of a method and each of its intervals."""


@dataclass(frozen=True)
class Row:
    """A method.

    Args:
        name: Its name.
        paired: Its differences from the reference by seed, one or more.
        over_frames: Interval of the mean over frames, where it is known.
        differs: Whether it differs from the reference in more than its distillation.
    """

    name: str
    paired: Paired
    over_frames: tuple[float, float] | None = None
    differs: bool = False

    def side(self, frames: bool) -> int:
        """1 where both intervals lie above 0, -1 where both lie below, else 0.

        Args:
            frames: Whether the interval over frames counts; then one that is not known lies nowhere.
        """
        known = [self.paired.interval, self.over_frames] if frames else [self.paired.interval]
        if None in known:
            return 0
        return 1 if all(low > 0 for low, _ in known) else -1 if all(high < 0 for _, high in known) else 0


def draw_differences(rows: Sequence[Row], metric: str, reference: str) -> Sheet:
    """Mean, interval over seeds and, where known, over frames, with every seed as a dot.

    Args:
        rows: One or more, from the top down.
        metric: Of which.
        reference: What they are compared with.
    """
    sheet = Sheet(width=WIDTH, height=TOP + len(rows) * ROW + BOTTOM)
    sheet.shorten(sheet.text(MARGIN, 18, f'{metric}: differences from {reference}', size=12, weight='bold'),
                  WIDTH - 2 * MARGIN)
    for middle, line in zip((39, 56), _key(rows, direction(metric) != 0)):
        sheet.text(MARGIN, middle, line, size=8.5, colour=FAINT_INK)
    names = [sheet.text(MARGIN, TOP + (place + 0.5) * ROW, text) for place, text in enumerate(_names(rows))]
    for name in names:
        sheet.shorten(name, MOST_NAME)
    ticks = _ticks(rows)
    numbers = [sheet.text(WIDTH - MARGIN, TOP + (place + 0.5) * ROW,
                          _signed(row.paired.mean, max(3, digits_of(ticks) + 1)), align='right')
               for place, row in enumerate(rows)]
    left = MARGIN + max(map(sheet.width_of, names)) + GAP
    axes = sheet.axes(left, TOP, WIDTH - MARGIN - max(map(sheet.width_of, numbers)) - GAP - left, len(rows) * ROW)
    frames = any(row.over_frames is not None for row in rows)
    for place, row in enumerate(rows):
        _draw(axes, row, place, _colour(row.side(frames), metric))
    _dress(axes, rows, ticks, metric)
    return sheet


def digits_of(numbers: Sequence[float]) -> int:
    """Decimals that tell these numbers exactly, ``MOST_DIGITS`` at most."""
    return next((digits for digits in range(MOST_DIGITS)
                 if all(abs(round(number, digits) - number) < 1e-9 for number in numbers)), MOST_DIGITS)


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


def _ends(rows: Sequence[Row]) -> tuple[float, float]:
    """From the least to the most of all that is drawn and 0, with room beside it."""
    ends = [0.0, *(value for row in rows for value in (
        *row.paired.differences, *(row.paired.interval or ()), *(row.over_frames or ())))]
    room = 0.06 * ((max(ends) - min(ends)) or 1.0)
    return min(ends) - room, max(ends) + room


def _ticks(rows: Sequence[Row]) -> list[float]:
    low, high = _ends(rows)
    found = matplotlib.ticker.MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(value) for value in found if low <= value <= high]


def _dress(axes: Axes, rows: Sequence[Row], ticks: Sequence[float], metric: str) -> None:
    axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
    axes.set(xlim=_ends(rows), ylim=(len(rows) - 0.5, -0.5), xticks=ticks)
    axes.set_xticklabels([_signed(value, digits_of(ticks)) for value in ticks])
    axes.set_xlabel({1: 'higher is better', -1: 'lower is better'}.get(direction(metric), ''), fontsize=8.5, color=INK)
    quiet_axes(axes, 'x', hidden=('top', 'left', 'right'))


def _names(rows: Sequence[Row]) -> list[str]:
    """With a star where more than distillation differs, and with the number of seeds where not all have as many."""
    counts = [len(row.paired.differences) for row in rows]
    said = [f' ({count} seed{"s" if count > 1 else ""})' if len(set(counts)) > 1 else '' for count in counts]
    return [f'{row.name}{" *" if row.differs else ""}{seeds}' for row, seeds in zip(rows, said)]


def _key(rows: Sequence[Row], known_better: bool) -> list[str]:
    """Two lines that say what the marks are."""
    counts = {len(row.paired.differences) for row in rows}
    marks = ['circles: seeds' if len(counts) > 1 else f'circles: {counts.pop()} seeds']
    lines = [('thick line', any(row.paired.interval for row in rows), 'seeds'),
             ('thin line', any(row.over_frames for row in rows), 'frames')]
    shown = ', '.join(f'{mark} over {what}' for mark, there, what in lines if there)
    if lines[0][1]:
        marks.append('diamond: their mean')
    else:
        marks = ['circle: the one seed, which tells nothing about another']
    if shown:
        marks.append(f'{CONFIDENCE:.0%} intervals: {shown}')
    below = [f'{"coloured" if known_better else "dark"} where {"both are" if lines[1][1] else "it is"} clear of 0'] \
        if lines[0][1] else []
    if any(row.differs for row in rows):
        below.append('* differs in more than its distillation')
    return ['; '.join(marks), '; '.join(below)]


def _colour(side: int, metric: str) -> Colour:
    """Of a quantity that may grow with quality or fall with it nobody knows better from worse."""
    if not side:
        return FAINT_INK
    return {1: BETTER, 0: INK, -1: WORSE}[side * direction(metric)]


def _signed(value: float, digits: int) -> str:
    text = f'{value:+.{digits}f}'.replace('-', '\N{MINUS SIGN}')
    return text if float(f'{value:.{digits}f}') else '0'
