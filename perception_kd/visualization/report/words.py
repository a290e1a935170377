"""Numbers and lists as the report's sentences have them."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = '\u2212'
COUNTS = ('no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve')


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f'{", ".join(names[:-1])} and {names[-1]}' if names else 'none'


def count(number: int, one: str, many: str = '') -> str:
    """``three models``; ``many`` where the plural is no mere s."""
    word = COUNTS[number] if number < len(COUNTS) else f'{number:,}'.replace(',', '\u202f')
    return f'{word} {one if number == 1 else many or one + "s"}'


def sentence(text: str) -> str:
    """With a capital."""
    return text[:1].upper() + text[1:]


def decimal(value: float | None, digits: int = 3) -> str:
    """A dash for what is not known."""
    if value is None or not math.isfinite(value):
        return '\u2013'
    return f'{value:.{digits}f}'.replace('-', MINUS)


def signed(value: float | None, digits: int = 3) -> str:
    """With its sign, as differences are written."""
    if value is None or not math.isfinite(value):
        return '\u2013'
    return f'{value:+.{digits}f}'.replace('-', MINUS)


def between(ends: tuple[float, float] | None, digits: int = 3) -> str:
    """``−0.010 to +0.024``; a dash for none."""
    return f'{signed(ends[0], digits)} to {signed(ends[1], digits)}' if ends else '\u2013'


def duration(seconds: float | None) -> str:
    """``45 s``, ``3 min 5 s``, ``2 h 10 min``; a dash for what is not known."""
    if seconds is None:
        return '\u2013'
    whole = round(seconds)
    if whole < 60:
        return f'{whole} s'
    if whole < 3600:
        return f'{whole // 60} min {whole % 60} s'
    return f'{whole // 3600} h {whole % 3600 // 60} min'


def class_name(name: str) -> str:
    """As people write it."""
    return name.replace('_', ' ')


def metric_title(metric: str) -> str:
    """As a table has it."""
    return 'mAP, present' if metric == 'mAP_present' else metric
