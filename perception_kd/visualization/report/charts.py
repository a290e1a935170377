"""Charts in the look of the page: what is shown is said here, how it is drawn by the page's script.

Colours are tokens of the page (``var(--model-1)``), which follow light and dark. A model has the same colour, dash and
marker in every chart; what is no model (pairs of a distiller, stages, sensors) gets a colour of another family.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from perception_kd.visualization.report.blocks import Chart

MODEL_STYLES = 8
"""So many models have colours of their own; further ones begin again, with other dashes and markers."""
PART_STYLES = 6
DASHES = ('solid', 'dash', 'solid', 'dot', 'dashdot', 'longdash', 'longdashdot', 'dash')
SYMBOLS = ('square', 'diamond', 'circle', 'triangle-up', 'cross', 'x', 'triangle-down', 'pentagon')
_TURN = 3  # no dash is the same so many places further on
MOST_POINTS = 500
"""Of a line: more are not seen, and make the page heavy."""

_PALE_TO_DEEP = [[0, 'var(--heat-low)'], [1, 'var(--heat-high)']]
_COLD_TO_HOT = [[0, 'var(--cold)'], [0.5, 'var(--paper)'], [1, 'var(--hot)']]

Value = float | int | str | None


@dataclass(frozen=True)
class Series:
    """A line, or bars of one colour.

    Args:
        name: As in the legend.
        x, y: As many values each; NaN and None leave a gap.
        model: Position in ``Page.models``, which chooses colour, dash and marker; None: it is no model.
        low, high: Ends of an interval around each ``y``, both or none.
        muted: Drawn pale: what is behind the thing to be seen.

    Raises:
        ValueError: lengths that differ.
    """

    name: str
    x: Sequence[Value]
    y: Sequence[Value]
    model: int | None = None
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    muted: bool = False

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (self.x, self.y, self.low, self.high) if values is not None}
        if len(lengths) != 1 or (self.low is None) != (self.high is None):
            raise ValueError(f'series {self.name!r}: x, y (and low with high) must be of the same length, got '
                             f'{len(self.x)} and {len(self.y)}')


def colour_of(model: int) -> str:
    """Token of the colour of a model."""
    return f'var(--model-{model % MODEL_STYLES + 1})'


def dash_and_symbol(model: int) -> tuple[str, str]:
    """Of the lines and markers of a model; those that share a colour have different ones."""
    place = (model + _TURN * (model // MODEL_STYLES)) % MODEL_STYLES
    return DASHES[place], SYMBOLS[place]


def lines(
    name: str,
    series: Sequence[Series],
    *,
    x: str,
    y: str,
    caption: str = '',
    log: bool = False,
    markers: bool = False,
    range_y: tuple[float | None, float | None] | None = None,
    height: int = 360,
) -> Chart:
    """Lines over a number: losses over steps, AP over distance.

    Args:
        name, caption, height: See ``Chart``.
        series: The lines.
        x, y: Titles of the axes, with units.
        log: A logarithmic y axis.
        markers: Points are marked; for few of them.
        range_y: Ends of the y axis, in its unit; None at either end: a little beyond the data.
    """
    _need(name, series)
    data = [_line(one, number, markers) for number, one in enumerate(series)]
    vertical: dict[str, Any] = {'title': {'text': y}}
    if log:
        vertical |= {'type': 'log', **_ticks_of_decades(series)}
    if range_y:
        vertical['range'] = _ends(range_y, series, log)
    layout = {'xaxis': _axis(x, series), 'yaxis': vertical, 'hovermode': 'x unified'}
    return Chart(name, {'data': data, 'layout': layout}, caption, height)


def areas(
    name: str, series: Sequence[Series], *, x: str, y: str, caption: str = '', shares: bool = False, height: int = 360
) -> Chart:
    """Areas upon each other: what a sum is made of. See ``lines``; ``shares`` fixes the y axis to 0..1 in percent."""
    _need(name, series)
    data = []
    for number, one in enumerate(series):
        trace = _line(one, number, markers=False)
        colour = 'var(--neutral)' if one.muted else trace['line']['color']
        trace |= {'stackgroup': 'all', 'fillcolor': colour, 'opacity': 1, 'line': {'width': 0, 'color': colour}}
        data.append(trace)
    vertical: dict[str, Any] = {'title': {'text': y}, 'rangemode': 'tozero'}
    if shares:
        vertical |= {'range': [0, 1], 'tickformat': '.0%', 'hoverformat': '.1%'}
    layout = {'xaxis': _axis(x, series), 'yaxis': vertical, 'hovermode': 'x unified'}
    return Chart(name, {'data': data, 'layout': layout}, caption, height)


def bars(
    name: str,
    series: Sequence[Series],
    *,
    value: str,
    caption: str = '',
    horizontal: bool = False,
    stacked: bool = False,
    digits: int = 3,
    height: int | None = None,
) -> Chart:
    """Bars side by side for each x of the series, or stacked.

    Args:
        name, caption: See ``Chart``.
        series: x are the names of the groups.
        value: Title of the axis of values, with its unit.
        horizontal: Bars to the right, first group on top: for long names or many groups.
        stacked: Upon each other.
        digits: Decimals when hovered.
        height: Pixels; None: chosen by the number of bars.
    """
    _need(name, series)
    along, across = ('y', 'x') if horizontal else ('x', 'y')
    data = []
    for number, one in enumerate(series):
        colour = 'var(--accent)' if len(series) == 1 and one.model is None else _colour(one, number)
        trace = {'type': 'bar', 'name': one.name, along: _clean(one.x), across: _clean(one.y),
                 'marker': {'color': colour}, 'orientation': 'h' if horizontal else 'v',
                 'hovertemplate': f'%{{{across}:.{digits}f}}'}
        interval = _interval(one, across)
        for whiskers in interval.values():
            whiskers['color'] = 'var(--ink)'
            trace['marker']['opacity'] = 0.75  # whiskers are seen on it
        data.append(trace | interval)
    groups: dict[str, Any] = {'type': 'category'}
    if horizontal:
        groups['autorange'] = 'reversed'
    layout = {f'{along}axis': groups, f'{across}axis': {'title': {'text': value}, 'rangemode': 'tozero'},
              'barmode': 'stack' if stacked else 'group', 'hovermode': f'{along} unified'}
    if height is None:
        per_group = 16 if stacked else 11 * len(series)
        height = max(200, 110 + len(series[0].x) * (per_group + 12)) if horizontal else 340
    return Chart(name, {'data': data, 'layout': layout}, caption, height)


def precision_recall(name: str, series: Sequence[Series], *, caption: str = '', height: int = 300) -> Chart:
    """Precision (y) over recall (x), both axes from 0 to 1; see ``lines``. A curve ends with its last precision."""
    series = [replace(one, y=_without_end(one.y)) for one in series]
    chart = lines(name, series, x='recall', y='precision', caption=caption, height=height)
    ends = {'range': [0, 1.02], 'tickvals': [0, 0.25, 0.5, 0.75, 1], 'tickformat': '.2~f', 'hoverformat': '.2f'}
    for axis in ('xaxis', 'yaxis'):
        chart.figure['layout'][axis].update(ends)
    return chart


def heatmap(
    name: str,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
    unit: str,
    caption: str = '',
    limits: tuple[float, float] | None = None,
    diverging: bool = False,
    digits: int = 2,
    height: int | None = None,
) -> Chart:
    """A number for each pair of a row and a column, written into its cell.

    Args:
        name, caption, height: See ``Chart``.
        rows, columns: Names.
        values: (rows, columns), None or NaN where there is none.
        unit: What the numbers are.
        limits: Ends of the colour scale; None: from the data, around 0 where diverging.
        diverging: Numbers below 0 have another colour.
        digits: Decimals.
    """
    cells = [_clean(row) for row in values]
    if len(cells) != len(rows) or any(len(row) != len(columns) for row in cells):
        raise ValueError(f'chart {name!r}: values must be {len(rows)} rows of {len(columns)}')
    known = [value for row in cells for value in row if value is not None] or [0.0]
    if limits is None:
        reach = max(abs(value) for value in known)
        limits = (-reach, reach) if diverging else (min(known), max(known))
    trace = {'type': 'heatmap', 'x': list(columns), 'y': list(rows), 'z': cells, 'zmin': limits[0], 'zmax': limits[1],
             'colorscale': _COLD_TO_HOT if diverging else _PALE_TO_DEEP, 'texttemplate': f'%{{z:.{digits}f}}',
             'hovertemplate': f'%{{y}}, %{{x}}: %{{z:.{digits}f}} {_plain(unit)}<extra></extra>', 'name': unit,
             'xgap': 2, 'ygap': 2}
    layout = {'xaxis': {'type': 'category'}, 'yaxis': {'type': 'category', 'autorange': 'reversed'}}
    return Chart(name, {'data': [trace], 'layout': layout}, caption, height or 110 + 32 * len(rows))


def _without_end(values: Sequence[Value]) -> list[Value]:
    """Zeros at the end as gaps: nuScenes' precision beyond the highest recall that was reached."""
    last = max((k for k, value in enumerate(values) if value), default=-1)
    return [value if k <= last else None for k, value in enumerate(values)]


def _ends(range_y: Sequence[float | None], series: Sequence[Series], log: bool) -> list[float]:
    """Both ends of a y axis as Plotly takes them, exponents of a logarithmic one."""
    rows = [values for one in series for values in (one.y, one.low, one.high) if values is not None]
    known = [value for row in rows for value in _clean(row) if _is_number(value) and (value > 0 or not log)] or [1.0]
    given = [min(known) if range_y[0] is None else range_y[0], max(known) if range_y[1] is None else range_y[1]]
    low, high = (math.log10(end) for end in given) if log else given
    room = 0.06 * (high - low)
    return [low - room * (range_y[0] is None), high + room * (range_y[1] is None)]


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float))


def _ticks_of_decades(series: Sequence[Series]) -> dict[str, Any]:
    """1, 2, 5, 10 and so on over what is shown; powers of ten alone over four decades and more."""
    known = [value for one in series for value in _clean(one.y) if _is_number(value) and value > 0]
    if not known:
        return {}
    first, last = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    steps = (1,) if last - first > 3 else (1, 2, 5)
    return {'tickvals': [step * 10.0**power for power in range(first, last + 1) for step in steps], 'tickformat': '~g'}


def _need(name: str, series: Sequence[Series]) -> None:
    if not series:
        raise ValueError(f'chart {name!r} has nothing to show: give one series at least')


def _clean(values: Sequence[Value]) -> list[Value]:
    """As JSON takes them: no NaN or infinity, six digits."""
    return [value if value is None or isinstance(value, str) else _number(value) for value in values]


def _number(value: float | int) -> float | int | None:
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 1e15 else float(f'{number:.6g}')


def _plain(text: str) -> str:
    """A text that Plotly does not read as a template."""
    return text.replace('%{', '% {')


def _colour(one: Series, number: int) -> str:
    return colour_of(one.model) if one.model is not None else f'var(--part-{number % PART_STYLES + 1})'


def _axis(title: str, series: Sequence[Series]) -> dict[str, Any]:
    named = any(isinstance(value, str) for one in series for value in one.x)
    return {'title': {'text': title}, **({'type': 'category'} if named else {})}


def _interval(one: Series, axis: str) -> dict[str, Any]:
    if one.low is None or one.high is None:
        return {}
    up = [None if None in (top, value) else top - value for top, value in zip(_clean(one.high), _clean(one.y))]
    down = [None if None in (low, value) else value - low for low, value in zip(_clean(one.low), _clean(one.y))]
    return {f'error_{axis}': {'type': 'data', 'symmetric': False, 'array': _clean(up), 'arrayminus': _clean(down),
                              'thickness': 1.2, 'width': 4}}


def _thin(one: Series) -> list[int]:
    """Positions of at most ``MOST_POINTS`` points, evenly chosen, the last among them."""
    step = math.ceil(len(one.x) / MOST_POINTS)
    return list(range(len(one.x) - 1, -1, -max(step, 1)))[::-1]


def _line(one: Series, number: int, markers: bool) -> dict[str, Any]:
    kept, x, y = _thin(one), _clean(one.x), _clean(one.y)
    line = {'color': _colour(one, number), 'width': 1 if one.muted else 2}
    trace: dict[str, Any] = {'type': 'scatter', 'name': one.name, 'x': [x[k] for k in kept], 'y': [y[k] for k in kept],
                             'mode': 'lines+markers' if markers else 'lines', 'line': line,
                             'opacity': 0.45 if one.muted else 1}
    symbol = SYMBOLS[number % len(SYMBOLS)]
    if one.model is not None:
        line['dash'], symbol = dash_and_symbol(one.model)
    if markers:
        trace['marker'] = {'symbol': symbol, 'size': 7, 'color': line['color']}
        trace |= _interval(one, 'y')
    return trace
