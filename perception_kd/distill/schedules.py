"""Weight of a pair as a function of training progress."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from perception_kd.distill.parts import build_part
from perception_kd.registry import SCHEDULES


@dataclass(frozen=True)
class Progress:
    """Where training stands.

    Args:
        iteration: Finished optimiser-loop iterations, 0 in the first.
        epoch: Finished epochs with the fraction of the running one, None where nobody said (no Runner).
        iterations, epochs: How many the whole run has, None where nobody said.
    """

    iteration: int = 0
    epoch: float | None = None
    iterations: int | None = None
    epochs: float | None = None

    def at(self, unit: str) -> float:
        """The count in ``unit`` (``iter`` or ``epoch``)."""
        if unit == 'iter':
            return self.iteration
        if self.epoch is None:
            raise ValueError(
                "a schedule in epochs needs the epoch: add dict(type='DistillProgressHook') to "
                'custom_hooks, or call Distiller.set_progress'
            )
        return self.epoch

    def before(self, end: int | None, unit: str) -> bool:
        """Whether ``end`` lies ahead; a negative one counts from the end of the run, and never comes if it has none."""
        if end is None:
            return True
        if end < 0:
            total = self.iterations if unit == 'iter' else self.epochs
            end = math.inf if total is None else total + end
        return self.at(unit) < end


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
        off: 0 from here on; negative: counted from the end of the run.
        unit: ``iter`` or ``epoch``.
    """

    def __init__(
        self,
        *,
        value: float,
        end: int,
        begin: int = 0,
        start: float = 0.0,
        off: int | None = None,
        unit: Literal['iter', 'epoch'] = 'iter',
    ) -> None:
        if end <= begin or (off is not None and 0 <= off < end):
            raise ValueError(f'LinearWarmup needs begin < end <= off, got begin={begin}, end={end}, off={off}')
        self.value, self.start, self.begin, self.end = float(value), float(start), begin, end
        self.off, self.unit = off, _checked_unit(unit)

    def __call__(self, progress: Progress) -> float:
        if not progress.before(self.off, self.unit):
            return 0.0
        done = (progress.at(self.unit) - self.begin) / (self.end - self.begin)
        return self.start + (self.value - self.start) * min(max(done, 0.0), 1.0)

    def __str__(self) -> str:
        off = '' if self.off is None else f', off from {self.off}'
        return f'{self.start:g} to {self.value:g} over {self.unit} {self.begin}-{self.end}{off}'


@SCHEDULES.register_module()
class Window:
    """``value`` from ``begin`` up to but not including ``end``, 0 elsewhere: a term that starts late or ends
    early.

    Args:
        value: Weight inside.
        begin, end: In ``unit``; ``end=None`` never ends, a negative one counts from the end of the run.
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
        if end is not None and 0 <= end <= begin:
            raise ValueError(f'Window needs end > begin, got begin={begin}, end={end}')
        self.value, self.begin, self.end, self.unit = float(value), begin, end, _checked_unit(unit)

    def __call__(self, progress: Progress) -> float:
        inside = self.begin <= progress.at(self.unit) and progress.before(self.end, self.unit)
        return self.value if inside else 0.0

    def __str__(self) -> str:
        return f'{self.value:g} in {self.unit} {self.begin}-{"end" if self.end is None else self.end}'


@SCHEDULES.register_module()
class Scaled:
    """A schedule times a number, so that several pairs share a schedule and keep weights of their own.

    Args:
        value: The number.
        schedule: A schedule or its config.
    """

    def __init__(self, *, value: float, schedule: float | dict | Schedule) -> None:
        self.factor, self.schedule = float(value), build_schedule(schedule)
        self.value = self.factor * full_weight(self.schedule)

    def __call__(self, progress: Progress) -> float:
        return self.factor * self.schedule(progress)

    def __str__(self) -> str:
        return f'{self.factor:g} x ({self.schedule})'


def stays_zero(schedule: Schedule, iterations: int, length: int) -> bool:
    """Whether a weight that is to be more than 0 at some time is 0 in all of a run.

    Args:
        schedule: The weight.
        iterations: Of the run.
        length: Iterations an epoch.
    """
    run = dict(iterations=iterations, epochs=iterations / length)
    moments = (Progress(step, step / length, **run) for step in range(iterations))
    return full_weight(schedule) != 0 and not any(schedule(moment) for moment in moments)


def full_weight(schedule: Schedule) -> float:
    """The weight that a schedule reaches; 1 where it does not say (no attribute ``value``)."""
    return float(getattr(schedule, 'value', 1.0))


def build_schedule(weight: float | dict | Schedule) -> Schedule:
    """A number is a constant weight; a dict names a schedule; anything callable is one."""
    if isinstance(weight, bool) or weight is None:
        raise ValueError(f"a pair's weight is a number or a schedule, got {weight!r}")
    if isinstance(weight, (int, float)):
        return Constant(value=weight)
    return weight if callable(weight) else build_part(SCHEDULES, weight, 'schedule')
