"""Weight of a pair as a function of training progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from perception_kd.distill.parts import build_part
from perception_kd.registry import SCHEDULES


@dataclass(frozen=True)
class Progress:
    """Where training stands.

    Args:
        iteration: Finished optimiser-loop iterations, 0 in the first.
        epoch: Finished epochs, None where nobody said (no Runner).
    """

    iteration: int = 0
    epoch: int | None = None

    def at(self, unit: str) -> int:
        """The count in ``unit`` (``iter`` or ``epoch``)."""
        if unit == 'iter':
            return self.iteration
        if self.epoch is None:
            raise ValueError(
                "a schedule in epochs needs the epoch: add dict(type='DistillProgressHook') to "
                'custom_hooks, or call Distiller.set_progress'
            )
        return self.epoch


class Schedule(Protocol):
    """What a pair's ``weight`` must be able to do."""

    def __call__(self, progress: Progress) -> float:
        """Weight at ``progress``."""


def _checked_unit(unit: str) -> str:
    if unit not in ('iter', 'epoch'):
        raise ValueError(f"a schedule's unit is 'iter' or 'epoch', got '{unit}'")
    return unit


@SCHEDULES.register_module()
class Constant:
    """The same weight always."""

    def __init__(self, *, value: float) -> None:
        self.value = float(value)

    def __call__(self, progress: Progress) -> float:
        return self.value

    def __str__(self) -> str:
        return f'{self.value:g}'


@SCHEDULES.register_module()
class LinearWarmup:
    """From ``start`` at ``begin`` in a straight line to ``value`` at ``end``, constant before and after.

    Args:
        value: Final weight.
        begin, end: In ``unit``; ``end > begin``.
        start: First weight.
        unit: ``iter`` or ``epoch``.
    """

    def __init__(
        self,
        *,
        value: float,
        end: int,
        begin: int = 0,
        start: float = 0.0,
        unit: Literal['iter', 'epoch'] = 'iter',
    ) -> None:
        if end <= begin:
            raise ValueError(f'LinearWarmup needs end > begin, got begin={begin}, end={end}')
        self.value, self.start, self.begin, self.end = float(value), float(start), begin, end
        self.unit = _checked_unit(unit)

    def __call__(self, progress: Progress) -> float:
        done = (progress.at(self.unit) - self.begin) / (self.end - self.begin)
        return self.start + (self.value - self.start) * min(max(done, 0.0), 1.0)

    def __str__(self) -> str:
        return f'{self.start:g} to {self.value:g} over {self.unit} {self.begin}-{self.end}'


@SCHEDULES.register_module()
class Window:
    """``value`` from ``begin`` up to but not including ``end``, 0 elsewhere: a term that starts late or ends
    early.

    Args:
        value: Weight inside.
        begin, end: In ``unit``; ``end=None`` never ends.
        unit: ``iter`` or ``epoch``.
    """

    def __init__(
        self,
        *,
        value: float,
        begin: int = 0,
        end: int | None = None,
        unit: Literal['iter', 'epoch'] = 'epoch',
    ) -> None:
        if end is not None and end <= begin:
            raise ValueError(f'Window needs end > begin, got begin={begin}, end={end}')
        self.value, self.begin, self.end, self.unit = float(value), begin, end, _checked_unit(unit)

    def __call__(self, progress: Progress) -> float:
        now = progress.at(self.unit)
        return self.value if self.begin <= now and (self.end is None or now < self.end) else 0.0

    def __str__(self) -> str:
        return f'{self.value:g} in {self.unit} {self.begin}-{"end" if self.end is None else self.end}'


def build_schedule(weight: float | dict | Schedule) -> Schedule:
    """A number is a constant weight; a dict names a schedule; anything callable is one."""
    if isinstance(weight, bool) or weight is None:
        raise ValueError(f"a pair's weight is a number or a schedule, got {weight!r}")
    if isinstance(weight, (int, float)):
        return Constant(value=weight)
    return weight if callable(weight) else build_part(SCHEDULES, weight, 'schedule')
