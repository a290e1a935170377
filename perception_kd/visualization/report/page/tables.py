"""Tables: rows named by their first cell, best numbers bold, columns that sort."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from numbers import Real

from perception_kd.visualization.report.blocks import Cell, Difference, Table
from perception_kd.visualization.report.page.marks import model_mark
from perception_kd.visualization.report.page.text import DASH, attribute, number_text, running

_LONG = 200  # characters of a value; the whole is shown when pointed at


def table_html(table: Table, models: Sequence[str], *, caption: str, label: str) -> str:
    """A table in a box that scrolls sideways on its own.

    Args:
        table: What it shows.
        models: See ``Page.models``.
        caption: HTML above it, with its number.
        label: Names the box for screen readers.
    """
    columns = [_Column(table, k) for k in range(len(table.columns))]
    head = ''.join(column.head(models) for column in columns)
    body = ''.join(
        f'<tr>{"".join(column.cell(row[k], models, number) for k, column in enumerate(columns))}</tr>'
        for number, row in enumerate(table.rows)
    )
    above = f'<caption><span>{caption}</span></caption>' if caption else ''
    return (f'<div class="scroll" data-label={attribute(label)}><table>{above}'
            f'<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def difference_html(block: Difference, models: Sequence[str], caption: str, label: str) -> str:
    """A table of keys with a value on either side; arguments as of ``table_html``."""
    titles = ('key', named(block.left, models), named(block.right, models))
    head = ''.join(f'<th scope="col">{title}</th>' for title in titles)
    body = ''.join(
        f'<tr><th scope="row"><code>{_breakable(key)}</code></th>'
        f'{_side(left, "old", block.left)}{_side(right, "new", block.right)}</tr>'
        for key, left, right in block.rows
    )
    return (f'<div class="scroll" data-label={attribute(label)}><table class="difference">'
            f'<caption><span>{caption}</span></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def named(text: str, models: Sequence[str]) -> str:
    """The text, with its mark before it where it is the title of a model."""
    shown = running(text)
    return f'<span class="named">{model_mark(models.index(text))}{shown}</span>' if text in models else shown


class _Column:
    """What the cells of a column share."""

    def __init__(self, table: Table, position: int) -> None:
        self.name, self.first = str(table.columns[position]), position == 0
        values = [row[position] for row in table.rows]
        rivals = [value for value in values[table.apart:] if _is_number(value)]
        numeric = any(map(_is_number, values)) and all(value is None or isinstance(value, Real) for value in values)
        chosen = table.align[position] if table.align else ('right' if numeric and not self.first else 'left')
        self.align = '' if chosen == 'left' else f' class="{chosen}"'
        self.digits = table.digits[position] if isinstance(table.digits, Sequence) else table.digits
        best = table.best[position] if table.best else None
        shown = [self._shown(value) for value in rivals]
        choose = {'max': max, 'min': min}.get(best or '')
        self.best = self._shown(choose(rivals)) if choose and len(set(shown)) > 1 else None
        self.apart = table.apart

    def head(self, models: Sequence[str]) -> str:
        """The ``th`` of the column."""
        return f'<th scope="col"{self.align}><button type="button">{named(self.name, models)}</button></th>'

    def cell(self, value: Cell, models: Sequence[str], number: int) -> str:
        """``th`` of a row or ``td``, with the number to sort by; ``number`` is that of the row."""
        is_number = _is_number(value)
        key = f' data-value="{float(value):.9g}"' if is_number else ''
        if self.first:
            text = self._shown(value) if is_number else named(self._plain(value), models)
            return f'<th scope="row"{self.align}{key}>{text}</th>'
        shown = self._shown(value) if is_number else running(self._plain(value))
        if is_number and number >= self.apart and self.best is not None and self._shown(value) == self.best:
            shown = f'<b>{shown}<span class="unseen"> (best)</span></b>'
        return f'<td{self.align}{key}>{shown}</td>'

    def _shown(self, value: Cell) -> str:
        return escape(number_text(value, self.digits))

    def _plain(self, value: Cell) -> str:
        if isinstance(value, bool):
            return 'yes' if value else 'no'
        return str(value) if isinstance(value, str) and value else DASH


def _is_number(value: Cell) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)


def _side(value: str | None, kind: str, side: str) -> str:
    if value is None:
        return f'<td class="none" data-side={attribute(side)}>not there</td>'
    if len(value) > _LONG:
        return (f'<td class="{kind}" data-side={attribute(side)}><code title={attribute(value)}>'
                f'{_breakable(value[:_LONG])}\u2026</code></td>')
    return f'<td class="{kind}" data-side={attribute(side)}><code>{_breakable(value)}</code></td>'


def _breakable(text: str) -> str:
    """Escaped, with places to break long keys and paths."""
    shown = escape(text, quote=False)
    for sign in './_,':
        shown = shown.replace(sign, f'{sign}<wbr>')
    return shown
