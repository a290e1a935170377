"""A whole grid: from the words of a command line to finished cells, table, charts and one JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception_kd.comparison.entry import parse_entries
from perception_kd.comparison.summary import describe_plan
from perception_kd.files import check_folder_target, require_file, write_bytes, write_json
from perception_kd.robustness import chart
from perception_kd.robustness.cases import Case, choose_cases
from perception_kd.robustness.cells import CellQueue, plan_cells
from perception_kd.robustness.model import Model
from perception_kd.robustness.summary import Summary, check_baseline, read_summary, summarise
from perception_kd.robustness.table import report

TABLE, JSON = 'robustness.md', 'robustness.json'
RESAMPLES = 1000


@dataclass
class Grid:
    """Models x faults x severities under a folder.

    Args:
        models: ``(config, checkpoint)`` of each, the config as ``[NAME=]CONFIG[@KEY=VALUE]...``; the first is what the
            others are compared with.
        out: Folder of cells, table and charts.
        faults: Names and families; None: all that touch what the models read.
        severities: Numbers; None: all.
        seed: Of the faults.
        engine: Of the metric: ``devkit`` or ``fast``.
        frames: Only so many key frames, spread evenly; None: all.
        options: Config overrides of all models.
        baseline: JSON of an earlier grid, whose first model is the baseline of CE.
        resamples: How many times scenes are drawn with replacement for the intervals of differences; 0: no intervals.
        echo: Where progress lines go.

    Raises:
        OSError, ValueError: Bad words, files and folders, or models that are scored on different data.
    """

    models: Sequence[tuple[str, str | Path]]
    out: Path
    faults: Sequence[str] | None = None
    severities: Sequence[int] | None = None
    seed: int = 0
    engine: str = 'devkit'
    frames: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    baseline: Path | None = None
    resamples: int = RESAMPLES
    echo: Callable[[str], None] = print

    def __post_init__(self) -> None:
        if self.resamples < 0:
            raise ValueError(f'scenes are drawn 0 times or more, got {self.resamples}')
        check_folder_target(self.out)
        for _, checkpoint in self.models:
            require_file(checkpoint, 'checkpoint')
        entries = parse_entries([config for config, _ in self.models])
        self.loaded = [Model(entry=entry, checkpoint=Path(checkpoint), shared=self.options, engine=self.engine,
                             frames=self.frames, logs=self.out / 'logs' / entry.name)
                       for entry, (_, checkpoint) in zip(entries, self.models)]
        for model in self.loaded[1:]:
            if model.data != self.loaded[0].data:
                raise ValueError(f'{model.name} is scored on other data ({model.data}) than {self.loaded[0].name} '
                                 f'({self.loaded[0].data}); give both the same data_root and split')
        self.reference = None if self.baseline is None else read_summary(self.baseline)
        if self.reference is not None:
            check_baseline(self.reference, dict(seed=self.seed, data=self.loaded[0].data))
        self.cases: list[Case] = choose_cases(self.faults, self.severities,
                                              set().union(*(model.reads for model in self.loaded)))
        self.queue = CellQueue(plan_cells(self.loaded, self.cases, self.seed, self.resamples), self.out, self.echo)

    def plan(self) -> str:
        """Every cell with its state, and what the rest costs."""
        frames = self.loaded[0].data['frames']
        return f'{describe_plan(self.queue)}\n{frames} key frames a cell'

    def run(self) -> str:
        """Work off the cells that are not finished, then write and return the table.

        Raises:
            ValueError: Cells failed. The table of the others is written.
        """
        self.queue.forget_failures()
        self.queue.work_off()
        text, paths = self.conclude()
        failures = self.queue.failures()
        if failures:
            named = '; '.join(f'{name}: {message}' for name, message in failures.items())
            raise ValueError(f'{len(failures)} of {len(self.queue.runs)} cells failed ({named}). The others are in '
                             f'{self.out / TABLE}; run the same command again to try these again')
        return '\n'.join([text, '', *map(str, paths)])

    def conclude(self) -> tuple[str, list[Path]]:
        """Write table, charts and JSON of what is finished; returns the table and the paths."""
        summary: Summary = summarise(self.queue.runs, self.loaded, self.cases, self.seed, self.out, self.reference)
        text, path = report(summary), self.out / JSON
        left = len(self.queue.unfinished())
        if left:
            text += f'\n\n{left} of {len(self.queue.runs)} cells are not finished; what they belong to is blank.'
        write_json(path, summary, indent=None)
        write_bytes(self.out / TABLE, f'{text}\n'.encode())
        pictures = [*chart.save(chart.draw_curves(summary), self.out / 'scores'),
                    *chart.save(chart.draw_bars(summary), self.out / 'resilience')]
        return text, [self.out / TABLE, path, *pictures]
