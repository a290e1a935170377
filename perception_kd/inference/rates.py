"""How long each part of the work took, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from perception_kd.benchmark.timing import Spread, machine, versions

Item = TypeVar('Item')
WARM_UP = 2
"""Frames that are left out, half of them at most: caches fill, kernels are chosen."""
_UNIT = 'frames/s'


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text('' if speed is None else f'{speed:.1f} {_UNIT}')


def show_progress(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """The items, with their rate on the terminal's error channel while they last."""
    columns = TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total)
        for item in items:
            yield item
            progress.advance(task)


@dataclass
class Rates:
    """Seconds of every frame by stage."""

    stages: dict[str, list[float]] = field(default_factory=dict)

    def add(self, seconds: dict[str, float]) -> None:
        """Those of the next frame."""
        for name, value in seconds.items():
            self.stages.setdefault(name, []).append(value)

    def to_json(self) -> dict[str, Any]:
        """Every frame's seconds, medians and quartiles; machine and versions."""
        return dict(warm_up=self._skipped, stage_seconds=self.stages,
                    spread={name: Spread.of(self._counted(runs))._asdict() for name, runs in self.stages.items()},
                    machine=machine(), versions=versions())

    def table(self) -> str:
        """A line a stage: median and quartiles in ms, and the rate that it would allow alone."""
        lines = [f'{"stage":10s} {"ms: median (quartiles)":>28s} {_UNIT:>10s}']
        for name, runs in self.stages.items():
            spread = Spread.of(self._counted(runs))
            lines.append(f'{name:10s} {spread.ms():>28s} {1 / max(spread.median, 1e-9):10.2f}')
        skipped = f', the first {self._skipped} left out as warm-up' if self._skipped else ', warm-up included'
        return '\n'.join([*lines, f'over {self._frames} frame{"s" * (self._frames != 1)}{skipped}'])

    @property
    def _frames(self) -> int:
        return max(map(len, self.stages.values()), default=0)

    @property
    def _skipped(self) -> int:
        return min(WARM_UP, self._frames // 2)

    def _counted(self, runs: Sequence[float]) -> Sequence[float]:
        return runs[min(self._skipped, len(runs) - 1):]
