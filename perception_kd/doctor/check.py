"""One finding of the doctor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

SETUP = 'make setup'


class Level(Enum):
    """How a finding matters; the value is what is printed."""

    FINE = 'fine'
    NOTE = 'note'
    BROKEN = 'BROKEN'


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, how it is, and what to do if it is not fine."""

    name: str
    level: Level
    found: str
    advice: str = ''


def fine(name: str, found: str) -> Check:
    """A finding without need for action."""
    return Check(name, Level.FINE, found)


def note(name: str, found: str, advice: str = '') -> Check:
    """Something works less well, or a part that not everyone needs is missing."""
    return Check(name, Level.NOTE, found, advice)


def broken(name: str, found: str, advice: str) -> Check:
    """Something that is required does not work."""
    return Check(name, Level.BROKEN, found, advice)


def is_healthy(checks: Iterable[Check]) -> bool:
    """True if nothing is broken."""
    return all(check.level is not Level.BROKEN for check in checks)


def format_checks(checks: Iterable[Check]) -> str:
    """One line a finding, names in a column."""
    checks = list(checks)
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        advice = f' -> {check.advice}' if check.advice else ''
        lines.append(f'{check.level.value:6}  {check.name:{width}}  {check.found}{advice}')
    return '\n'.join(lines)


def last_line(text: str) -> str:
    """The last line with words, cut at 200 characters: of a traceback, the error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ''
