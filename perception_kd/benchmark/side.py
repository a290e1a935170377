"""One of several models that are timed turn by turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from perception_kd.benchmark.stage_clock import StageClock
from perception_kd.benchmark.timing import Spread


@dataclass
class Side:
    """One model.

    Attributes:
        work: Does once what is measured.
        about: Whatever else is known of it.
        clock: For its device.
        parameters: None where there are no weights to count.
        macs: Multiply-accumulates by stage; empty where they cannot be counted.
        seconds: Of every run by stage, ``total`` included.
    """

    work: Callable[[], Any]
    about: dict[str, Any]
    clock: StageClock = field(default_factory=StageClock)
    parameters: int | None = None
    macs: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def measure(self) -> None:
        """One more run."""
        for name, seconds in self.clock.measure(self.work).items():
            self.seconds.setdefault(name, []).append(seconds)

    @property
    def total(self) -> Spread:
        """Seconds of a run."""
        return Spread.of(self.seconds['total'])


def add_side(sides: dict[str, Side], name: str, side: Side) -> None:
    """Put it under its name, with a number where that is taken."""
    number = sum(other == name or other.startswith(f'{name} (') for other in sides)
    sides[f'{name} ({number + 1})' if number else name] = side
