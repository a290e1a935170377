"""The table that a demo ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Row = tuple[str, Mapping[str, float | str | None]]


def format_table(rows: Sequence[Row], columns: Sequence[tuple[str, str]]) -> str:
    """Models down, metrics across, as plain text that is valid Markdown too.

    Args:
        rows: ``(name, metrics)`` of each model.
        columns: ``(heading, key in metrics)``.

    Returns:
        The table; a metric that is missing or None shows as a dash, a string as it is.
    """
    head = ['model', *(heading for heading, _ in columns)]
    body = [[name, *(_cell(metrics.get(key)) for _, key in columns)] for name, metrics in rows]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    rule = ['-' * widths[0], *('-' * (width - 1) + ':' for width in widths[1:])]
    return '\n'.join(_line(line, widths) for line in [head, rule, *body])


def _cell(value: float | str | None) -> str:
    return '-' if value is None else value if isinstance(value, str) else f'{value:.3f}'


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    numbers = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
    return f'| {" | ".join([cells[0].ljust(widths[0]), *numbers])} |'
