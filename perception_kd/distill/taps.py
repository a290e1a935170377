"""Taps: an identity call in our own models that is recorded only while a recorder is active."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar('T')

_ACTIVE: list['TapRecorder'] = []  # innermost recorder last


class TapRecorder:
    """Placeholder body: see the distillation room."""

    def record(self, name: str, value: object) -> None:
        raise NotImplementedError


def tap(name: str, value: T) -> T:
    """Mark ``value`` as the tap ``name``; returns it unchanged, and records it if a recorder is active."""
    if _ACTIVE:
        _ACTIVE[-1].record(name, value)
    return value
