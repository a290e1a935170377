"""Ctrl-C and a polite kill end the work after the frame at hand, so that all files are finished."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ending:
    """Whether somebody asked for the end.

    Attributes:
        signal: That was sent; None without.
        closed: Whether the window was closed.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.closed = False

    def __call__(self) -> bool:
        return self.signal is not None or self.closed

    @property
    def status(self) -> int:
        """Exit status: 128 more than the signal's number, as shells have it; 0 without."""
        return 0 if self.signal is None else 128 + self.signal


@contextmanager
def ending() -> Iterator[Ending]:
    """Note the first signal; a second one stops at once. In other threads than the main one, signals do as ever."""
    asked = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def note(number: int, frame: FrameType | None) -> None:
        asked.signal = number
        _restore(before)

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        _restore(before)


def _restore(handlers: dict) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
