"""A picture of learning curves: the mean over seeds and the band that they span, for each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes

from perception_kd.comparison.curves.reach import Points
from perception_kd.visualization.palette import CHART_COLOURS, FAINT_INK, INK
from perception_kd.visualization.quiet_axes import quiet_axes
from perception_kd.visualization.sheet import Sheet

Style = dict[str, Any]
# A marker each, so that they differ without colour too, and another line for every round of the colours.
MARKERS, LINES = 'sD^vPX*', ('-', (0, (3, 1.5)), (0, (1, 1)))
LEFT, RIGHT, TOP, WIDTH, HEIGHT, BOTTOM, ROW = 62, 28, 52, 640, 330, 56, 20


def draw_curves(points: Mapping[str, Sequence[Points]], metric: str) -> Sheet:
    """The curves over epochs.

    Args:
        points: Of every seed by method; the first method is the reference. Those without points are left out.
        metric: What they show.
    """
    styles = {name: _style(place) for place, (name, found) in enumerate(points.items()) if found}
    reference = next(iter(points))
    trial = Sheet(width=LEFT + WIDTH + RIGHT, height=100)
    rows = _legend(trial, styles, points)
    sheet = Sheet(width=LEFT + WIDTH + RIGHT, height=TOP + rows * ROW + HEIGHT + BOTTOM)
    sheet.text(16, 18, f'{metric} on the validation split while learning', size=12, weight='bold')
    seeds = max(map(len, points.values()))
    sheet.text(16, 38, f'mean over {seeds} seeds and the band that they span' if seeds > 1 else 'one seed',
               size=8.5, colour=FAINT_INK)
    _legend(sheet, styles, points)
    axes = sheet.axes(LEFT, TOP + rows * ROW + 8, WIDTH, HEIGHT)
    for name, style in styles.items():
        _curve(axes, points[name], style)
    if reference in styles:
        level = float(np.mean([one.final for one in points[reference]]))
        axes.axhline(level, color=FAINT_INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(f'final of {reference}', (0, level), (4, 3), xycoords=('axes fraction', 'data'),
                      textcoords='offset points', fontsize=7.5, color=FAINT_INK)  # where curves are low
    _dress(axes, points)
    return sheet


def _style(place: int) -> Style:
    """Of a method by its place; the first is the reference."""
    if not place:
        return dict(color=INK, marker='o', linestyle='-')
    turn, colour = divmod(place - 1, len(CHART_COLOURS))
    return dict(color=CHART_COLOURS[colour], marker=MARKERS[(place - 1) % len(MARKERS)],
                linestyle=LINES[turn % len(LINES)])


def _curve(axes: Axes, runs: Sequence[Points], style: Style) -> None:
    by_epoch: dict[float, list[float]] = {}
    for run in runs:
        for epoch, value in zip(run.epochs, run.values):
            by_epoch.setdefault(epoch, []).append(value)
    epochs = sorted(by_epoch)
    values = [by_epoch[epoch] for epoch in epochs]
    if len(runs) > 1:
        axes.fill_between(epochs, list(map(min, values)), list(map(max, values)), color=style['color'],
                          alpha=0.14, linewidth=0, zorder=2)
    axes.plot(epochs, list(map(np.mean, values)), **style, linewidth=1.6, markersize=3.6, zorder=3)


def _dress(axes: Axes, points: Mapping[str, Sequence[Points]]) -> None:
    every = [run for runs in points.values() for run in runs]
    last, highest = max(run.epochs[-1] for run in every), max(max(run.values) for run in every)
    axes.set(xlim=(0, last * 1.02), ylim=(min(0.0, *(min(run.values) for run in every)), 1.08 * highest or 1.0))
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(10, integer=True))
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel('epoch', fontsize=8.5, color=INK)
    quiet_axes(axes, 'y')


def _legend(sheet: Sheet, styles: Mapping[str, Style], points: Mapping[str, Sequence[Points]]) -> int:
    """Names with their lines below the title, as many in a row as fit; returns the number of rows."""
    overlay, left, row = sheet.overlay(), 16.0, 0
    most = max(map(len, points.values()))
    for name, style in styles.items():
        count = len(points[name])
        label = name if count == most else f'{name} ({count} seed{"s" if count > 1 else ""})'
        text = sheet.text(0, 0, label, size=9)
        wide = 30 + sheet.width_of(text)
        if left > 16 and left + wide > sheet.width - 16:
            left, row = 16.0, row + 1
        middle = TOP + 8 + row * ROW
        overlay.plot([left, left + 22], [middle, middle], **style, linewidth=1.6, markevery=[0, 1], markersize=4)
        sheet.move(text, left + 30, middle)
        left += wide + 18
    return row + 1
