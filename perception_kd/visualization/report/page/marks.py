"""The marks of models: the same colour, dash and symbol beside names in tables as on lines in charts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from perception_kd.visualization.report.charts import colour_of, dash_and_symbol

_TOKEN = re.compile(r'var\(--[a-z]+-?[0-9a-z]*\)|#[0-9a-fA-F]{3,8}|[a-z]+')
_STROKES = {'solid': '', 'dash': '5 3', 'dot': '1.5 2.5', 'dashdot': '5 2.5 1.5 2.5', 'longdash': '8 3',
            'longdashdot': '8 2.5 1.5 2.5'}
_SHAPES = {
    'circle': '<circle cx="12" cy="6" r="3.4"/>',
    'square': '<path d="M9 3h6v6H9z"/>',
    'diamond': '<path d="M12 1.6 16.4 6 12 10.4 7.6 6z"/>',
    'triangle-up': '<path d="M12 2 16 9.4H8z"/>',
    'triangle-down': '<path d="M12 10 16 2.6H8z"/>',
    'cross': '<path d="M10.7 2h2.6v2.7H16v2.6h-2.7V10h-2.6V7.3H8V4.7h2.7z"/>',
    'x': '<path d="m9.6 2 2.4 2.4L14.4 2 16 3.6 13.6 6 16 8.4 14.4 10 12 7.6 9.6 10 8 8.4 10.4 6 8 3.600z"/>',
    'pentagon': '<path d="m12 1.9 4.2 3-1.6 5H9.400l-1.6-5z"/>',
}


def model_mark(model: int) -> str:
    """Mark of the model at a position of ``Page.models``."""
    return _line(colour_of(model), *dash_and_symbol(model))


def trace_mark(trace: Mapping[str, Any]) -> str:
    """Mark of a trace of a figure in its legend."""
    marker, line = trace.get('marker') or {}, trace.get('line') or {}
    colour = line.get('color') or marker.get('color')
    if not isinstance(colour, str) or not _TOKEN.fullmatch(colour):
        return ''
    if trace.get('type') == 'scatter' and not trace.get('stackgroup'):
        mode = trace.get('mode', 'lines')
        symbol = marker.get('symbol', 'circle') if 'markers' in mode else ''
        return _line(colour, line.get('dash', 'solid') if 'lines' in mode else None, symbol)
    return f'<svg class="mark" viewBox="0 0 12 12" aria-hidden="true" style="--c:{colour}">' \
           '<path class="fill" d="M0 0h12v12H0z"/></svg>'


def _line(colour: str, dash: str | None, symbol: str) -> str:
    stroke = '' if dash is None else f'<path class="stroke" d="M0 6h24" stroke-dasharray="{_STROKES.get(dash, "")}"/>'
    shape = f'<g class="fill">{_SHAPES.get(symbol, "")}</g>' if symbol else ''
    return f'<svg class="mark" viewBox="0 0 24 12" aria-hidden="true" style="--c:{colour}">' \
           f'{stroke}{shape}</svg>'
