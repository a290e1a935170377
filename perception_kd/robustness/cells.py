"""The grid: models x faults x severities; each cell is one file, made once."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from perception_kd.comparison.queue import Queue
from perception_kd.evaluation.nuscenes_metric import RESULT_FILE
from perception_kd.files import remove_left_overs, write_json
from perception_kd.robustness.cases import Case, resolved
from perception_kd.robustness.model import Model
from perception_kd.robustness.scene_draws import SceneDraws

FORMAT = 'perception_kd robustness cell 1'
CLEAN = 'clean'


@dataclass(frozen=True)
class Cell:
    """One model under one fault of one severity, or under none.

    Args:
        model: Which.
        case: Name of the fault, ``clean`` for none.
        severity: From 1; 0 for none.
        faults: Settings of the faults that make the case.
        seed: Of the faults.
        resamples: How many times scenes are drawn anew; see :class:`SceneDraws`.
    """

    model: Model
    case: str
    severity: int
    faults: Sequence[Mapping[str, Any]]
    seed: int
    resamples: int = 0
    differs: ClassVar[tuple[str, ...]] = ()  # what runs of a comparison have

    @property
    def name(self) -> str:
        """Of its file."""
        return f'{self.model.name}.{self.case}-{self.severity}' if self.severity else f'{self.model.name}.{self.case}'

    @property
    def key(self) -> dict[str, Any]:
        """What decides its result."""
        return {**self.model.key, 'faults': resolved(self.faults), 'seed': self.seed if self.faults else None,
                'resamples': self.resamples}

    def file(self, out: Path) -> Path:
        """Where its result is kept."""
        return out / 'cells' / f'{self.name}.json'

    def result(self, out: Path) -> dict[str, Any] | None:
        """What was found; None if it is not made yet, damaged, or made with other weights, settings or data."""
        try:
            found = json.loads(self.file(out).read_bytes())
        except (OSError, ValueError):
            return None
        good = isinstance(found, dict) and found.get('format') == FORMAT and found.get('key') == self.key
        return found if good else None


def plan_cells(models: Sequence[Model], cases: Sequence[Case], seed: int, resamples: int = 0) -> list[Cell]:
    """All cells, model by model, the clean one first. Faults of sensors that a model does not read make none."""
    cells = []
    for model in models:
        cells.append(Cell(model, CLEAN, 0, (), seed, resamples))
        cells += [Cell(model, case.name, severity, faults, seed, resamples) for case in cases if touches(case, model)
                  for severity, faults in case.severities.items()]
    return cells


def touches(case: Case, model: Model) -> bool:
    """Whether the model reads a sensor that the fault is about."""
    return bool(case.sensors & model.reads)


class CellQueue(Queue):
    """Scores the cells that are not finished; see :class:`~perception_kd.comparison.queue.Queue`.

    Args:
        cells: Those of one model one after another: one model is in memory at a time.
        out: Folder of the grid.
        echo: Where progress lines go.
    """

    def __init__(self, cells: Sequence[Cell], out: Path, echo: Any = print) -> None:
        super().__init__(cells, out, out / 'work', echo)
        self._loaded: Model | None = None
        self._drawn: SceneDraws | None = None

    def carry_out(self, run: Cell) -> str:
        """Score one cell and write its file."""
        if self._loaded not in (None, run.model):
            self._loaded.release()
        self._loaded = run.model
        remove_left_overs(run.file(self.out))
        folder, begin = self.work / run.name, time.perf_counter()
        try:
            metrics = run.model.score(run.faults, run.seed, folder)
            samples = self._draws(run).scores(folder / RESULT_FILE) if run.resamples else {}
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # predictions of a whole split, and there are many cells
        seconds = time.perf_counter() - begin
        write_json(run.file(self.out), dict(
            format=FORMAT, model=run.model.name, case=run.case, severity=run.severity, key=run.key, metrics=metrics,
            samples=samples, seconds=dict(score=round(seconds, 1))))
        return f'NDS {_number(metrics.get("NDS"))}, mAP {_number(metrics.get("mAP"))} in {seconds:.0f} s'

    def _draws(self, cell: Cell) -> SceneDraws:
        """The same for all cells, since all models are scored on the same data."""
        if self._drawn is None:
            self._drawn = SceneDraws(data_root=cell.model.data_root, version=cell.model.data['version'],
                                     tokens=cell.model.tokens, resamples=cell.resamples)
        return self._drawn


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.4f}'
