"""A family of students that a search gave: accuracy over latency, as predicted and as measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.ticker
from matplotlib.axes import Axes

from perception_kd.visualization.palette import CHART_COLOURS, FAINT_INK, INK, PAPER, Colour
from perception_kd.visualization.quiet_axes import quiet_axes
from perception_kd.visualization.sheet import Sheet

# Shapes and fillings tell the marks apart without colour too.
STUDENT = CHART_COLOURS[0]
RANDOM: Colour = (0.66, 0.69, 0.73)
ROOM = (42, 16)  # px that a label takes
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 470, 78, 92, 24, 58
MARKS = {
    'teacher': dict(marker='D', markersize=7, color=INK),
    'students, measured': dict(marker='o', markersize=7, color=STUDENT, linewidth=1.6),
    'predicted by the tables': dict(marker='o', markersize=7, color=STUDENT, markerfacecolor=PAPER, linewidth=1.0,
                                    linestyle=(0, (3, 2))),
    'random combinations': dict(marker='x', markersize=5, color=RANDOM, linestyle='none'),
}


def draw_family(content: Mapping[str, Any]) -> Sheet:
    """Draw what a search wrote of its family.

    Args:
        content: ``metric``, ``better``, ``conditions``, ``teacher`` (``latency_ms``, ``score``), ``table_latency_ms``
            of the teacher when latency was predicted, ``members`` (each with ``predicted`` and ``measured``, and
            parameters of the latter) and ``random`` (predicted latency, measured score). A score of None is not drawn.
            A pale bar behind a mark spans the quartiles of what was measured (``latency_quartiles_ms``).
            Predicted latencies are drawn in proportion to the teacher's: the machine may be slower now than it was.
    """
    sheet = Sheet(width=WIDTH, height=HEIGHT)
    sheet.text(16, 20, 'Accuracy over latency of the students that the search chose', size=12, weight='bold')
    sheet.shorten(sheet.text(16, 41, _measured_on(content['conditions']), size=8.5, colour=FAINT_INK), WIDTH - 32)
    _legend(sheet, bool(content['random']))
    axes = sheet.axes(LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)
    members, teacher = content['members'], content['teacher']
    pace = teacher['latency_ms'] / content['table_latency_ms']
    random = [(pace * one['latency_ms'], one['measured']) for one in content['random']]
    for name, points in (('random combinations', random),
                         ('predicted by the tables', _points(members, 'predicted', pace)),
                         ('students, measured', _points(members, 'measured')),
                         ('teacher', [(teacher['latency_ms'], teacher['score'])])):
        known = [point for point in points if point[1] is not None]
        axes.plot(*(zip(*known) if known else ((), ())), **MARKS[name])
    for one in [teacher, *(member['measured'] for member in members)]:
        if one['score'] is not None:
            axes.hlines(one['score'], *one['latency_quartiles_ms'], color=STUDENT, linewidth=5, alpha=0.25, zorder=1)
    _finish(axes, content['metric'], content['better'])
    _name_sizes(axes, members)
    return sheet


def _points(members: Sequence[Mapping[str, Any]], part: str, pace: float = 1.0) -> list[tuple[float, float | None]]:
    """Latency and score of each, the fastest first."""
    return sorted(((pace * one[part]['latency_ms'], one[part]['score']) for one in members),
                  key=lambda point: point[0])


def _name_sizes(axes: Axes, members: Sequence[Mapping[str, Any]]) -> None:
    """Parameters above the measured marks, where there is room."""
    axes.autoscale_view()
    taken: list[tuple[float, float]] = []
    for one in members:
        place = (one['measured']['latency_ms'], one['measured']['score'])
        if place[1] is None:
            continue
        x, y = axes.transData.transform(place)
        if all(abs(x - other) > ROOM[0] or abs(y - another) > ROOM[1] for other, another in taken):
            taken.append((x, y))
            axes.annotate(f'{one["measured"]["parameters"] / 1e6:.2f} M', place, (0, 9), textcoords='offset points',
                          ha='center', fontsize=7.5, color=STUDENT)


def _finish(axes: Axes, metric: str, better: str) -> None:
    axes.set_xlabel('latency of the whole model, ms', fontsize=9, color=INK, labelpad=6)
    axes.set_ylabel(f'{metric} ({better} is better)', fontsize=9, color=INK, labelpad=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(matplotlib.ticker.MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    axes.margins(x=0.06, y=0.14)
    quiet_axes(axes, 'both')


def _legend(sheet: Sheet, random: bool) -> None:
    """One line of marks and names."""
    overlay, left = sheet.overlay(), 16.0
    for name, style in MARKS.items():
        if random or name != 'random combinations':
            overlay.plot([left, left + 13, left + 26], [66] * 3, markevery=[1], **{'linestyle': '-', **style, **(
                {'linestyle': 'none'} if name == 'teacher' else {})})
            left += 34 + sheet.width_of(sheet.text(left + 34, 66, name, size=9)) + 18


def _measured_on(conditions: Mapping[str, Any]) -> str:
    count = conditions['threads']
    threads = '' if count is None else f', {count} thread{"s" if count > 1 else ""}'
    sizes = ' and '.join(dict.fromkeys('x'.join(map(str, shape)) for shape in conditions['size']))
    return f'{conditions["device"]}{threads}, {conditions["dtype"]}, inputs of {sizes}, torch {conditions["torch"]}'
