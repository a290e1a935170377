"""Charts on the page: title, legend of buttons, place of the chart, its data, and the table behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from perception_kd.visualization.report.blocks import Cell, Chart, Table
from perception_kd.visualization.report.page.marks import trace_mark
from perception_kd.visualization.report.page.text import attribute, running

MOST_ROWS = 60
"""Of a table that is made from a figure; longer ones show rows evenly chosen."""
_TEMPLATES = ('hovertemplate', 'texttemplate', 'colorscale')


def plot_html(chart: Chart, identity: str) -> str:
    """Axis title and place of a chart, and its figure as JSON for the page's script."""
    label = f'Chart: {chart.name}. The numbers are in the table below it.'
    axis = _vertical_title(chart.figure)
    above = f'<p class="axis" aria-hidden="true">{running(axis)}</p>' if axis else ''
    return (f'{above}<div class="plot" id="{identity}" role="img" aria-label={attribute(label)} '
            f'style="height:{int(chart.height)}px"></div>'
            f'<script type="application/json" data-for="{identity}">{figure_json(chart.figure)}</script>')


def legend(chart: Chart) -> dict[str, str]:
    """Name -> mark of what a chart shows; empty where that is one thing."""
    marks: dict[str, str] = {}
    for trace in chart.figure['data']:
        if trace.get('name') and trace.get('showlegend', True):
            marks.setdefault(str(trace['name']), trace_mark(trace))
    return marks if len(marks) > 1 and chart.figure['layout'].get('showlegend', True) else {}


def common_legend(charts: Sequence[Chart]) -> dict[str, str]:
    """Legend of several charts; empty where one name has two marks, so that each chart needs its own."""
    both: dict[str, str] = {}
    for marks in map(legend, charts):
        if any(both.get(name, mark) != mark for name, mark in marks.items()):
            return {}
        both |= marks
    return both


def legend_html(marks: Mapping[str, str]) -> str:
    """A button for each name, which shows and hides it."""
    buttons = ''.join(
        f'<li><button type="button" aria-pressed="true" data-name={attribute(name)}>{mark}{escape(name)}</button></li>'
        for name, mark in marks.items()
    )
    return f'<ul class="legend" aria-label="Shown in the chart">{buttons}</ul>' if buttons else ''


def figure_json(figure: Mapping[str, Any]) -> str:
    """The figure as JSON that is safe inside a script element, its texts safe from Plotly's pseudo-HTML."""
    text = json.dumps(_escaped(figure), ensure_ascii=False, separators=(',', ':'), allow_nan=False)
    return text.replace('<', '\\u003c').replace('\u2028', '\\u2028').replace('\u2029', '\\u2029')


def _escaped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): one if key in _TEMPLATES else _escaped(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_escaped(one) for one in value]
    return escape(value, quote=False) if isinstance(value, str) else value


def table_of(chart: Chart) -> Table:
    """The table behind a chart: its own, or one made from traces of lines, bars and heat maps.

    Raises:
        ValueError: a figure of another kind, or lists of different lengths, and no table.
    """
    if chart.table is not None:
        return chart.table
    data = chart.figure['data']
    if len(data) == 1 and data[0].get('type') == 'heatmap':
        trace = data[0]
        rows = [[name, *row] for name, row in zip(trace['y'], trace['z'])]
        return Table(['', *map(str, trace['x'])], rows, digits=None)
    kinds = {trace.get('type', 'scatter') for trace in data}
    if not kinds <= {'scatter', 'bar'}:
        raise ValueError(f'chart {chart.name!r}: no table is made of a figure of {", ".join(sorted(kinds))}; give one')
    return _wide_table(chart, data)


def _wide_table(chart: Chart, data: Sequence[Mapping[str, Any]]) -> Table:
    """A column for each trace, a row for each place on the common axis."""
    columns: list[dict[Cell, Cell]] = []
    lying = any(trace.get('orientation') == 'h' for trace in data)
    along, across = ('y', 'x') if lying else ('x', 'y')
    for trace in data:
        if len(trace.get(along, ())) != len(trace.get(across, ())):
            raise ValueError(f'chart {chart.name!r}: x and y of {trace.get("name")!r} differ in length')
        columns.append(dict(zip(trace[along], _with_intervals(trace, across))))
    places = list(dict.fromkeys(place for column in columns for place in column))
    if all(isinstance(place, (int, float)) for place in places):
        places.sort()
    step = -(-len(places) // MOST_ROWS)
    kept = places[::step] if step > 1 else places
    caption = f'Each {step}th of {len(places)} points.' if step > 1 else ''
    names = [str(trace.get('name') or f'series {number}') for number, trace in enumerate(data, 1)]
    title = _title(chart.figure['layout'].get(f'{along}axis'))
    rows = [[place, *(column.get(place) for column in columns)] for place in kept]
    return Table([title, *names], rows, caption, align=['left'] + ['right'] * len(names), digits=None)


def _with_intervals(trace: Mapping[str, Any], axis: str) -> Sequence[Cell]:
    errors = trace.get(f'error_{axis}')
    if not errors or 'array' not in errors:
        return trace[axis]
    up, down = errors['array'], errors.get('arrayminus', errors['array'])
    return [
        value if None in (value, high, low) else f'{value:.4g} ({value - low:.4g} to {value + high:.4g})'
        for value, high, low in zip(trace[axis], up, down)
    ]


def _vertical_title(figure: Mapping[str, Any]) -> str:
    """What the y axis has, or the colours of a heat map; stands above the chart, level."""
    first = next(iter(figure['data']), {})
    return str(first.get('name', '')) if first.get('type') == 'heatmap' else _title(figure['layout'].get('yaxis'))


def _title(axis: Mapping[str, Any] | None) -> str:
    title = (axis or {}).get('title') or ''
    return str(title.get('text', '')) if isinstance(title, Mapping) else str(title)
