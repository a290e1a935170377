"""Texts and numbers as HTML. Everything that comes from outside goes through here."""

from __future__ import annotations

import math
import re
from html import escape

DASH = '–'
_MINUS, _THIN_SPACE = '−', '\u202f'
_SHORT = 34  # signs that a phone has room for
_CODE = re.compile(r'`([^`]+)`')


def attribute(text: str) -> str:
    """Escaped, within quotes, for an attribute."""
    return f'"{escape(text, quote=True)}"'


def running(text: str) -> str:
    """Escaped; parts between backticks are set as code, short ones on one line."""
    return _CODE.sub(_code, escape(text, quote=False))


def _code(found: re.Match[str]) -> str:
    inside = found.group(1)
    return f'<code class="short">{inside}</code>' if len(inside) <= _SHORT else f'<code>{inside}</code>'


def paragraphs(text: str) -> str:
    """Paragraphs and lists, see ``Text``."""
    parts = [part.strip('\n') for part in re.split(r'\n\s*\n', text) if part.strip()]
    return ''.join(_paragraph(part.splitlines()) for part in parts)


def _paragraph(lines: list[str]) -> str:
    """One paragraph; what follows its first ``- `` is a list, whose items may go on in lines without one."""
    words = [line.strip() for line in lines]
    first = next((k for k, line in enumerate(words) if line.startswith('- ')), len(words))
    lead, items = ' '.join(words[:first]), []
    for line in words[first:]:
        if line.startswith('- '):
            items.append(line[2:])
        else:
            items[-1] += f' {line}'
    listed = ''.join(f'<li>{running(item)}</li>' for item in items)
    return (f'<p>{running(lead)}</p>' if lead else '') + (f'<ul>{listed}</ul>' if listed else '')


def number_text(value: float | int, digits: int | None) -> str:
    """A number as it is read: a true minus, thin spaces between thousands from 10 000 on, a dash for NaN.

    ``digits`` are decimals of a float; None: four significant digits.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return DASH if math.isnan(value) else (_MINUS if value < 0 else '') + '∞'
    whole = float(value).is_integer()
    if isinstance(value, float) and not (digits is None and whole and abs(value) < 1e9):
        text = f'{value:.4g}' if digits is None else f'{value:.{digits}f}'
    else:
        text = str(int(value))
    sign, text = (_MINUS, text[1:]) if text.startswith('-') else ('', text)
    head, point, tail = text.partition('.')
    if head.isdigit() and len(head) > 4:
        head = f'{int(head):,}'.replace(',', _THIN_SPACE)
    return sign + head + point + tail
