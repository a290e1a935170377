"""Names of the stages of a forward pass, for whoever measures them; nothing happens unless somebody listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, bool], None]
_LISTENERS: list[Listener] = []


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Mark what runs inside as the stage ``name``."""
    for listener in _LISTENERS:
        listener(name, True)
    try:
        yield
    finally:
        for listener in _LISTENERS:
            listener(name, False)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call ``listener(name, begins)`` at the begin (True) and end (False) of every stage that runs inside."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)
