"""The intervals of frames beside those of seeds: the report's table and a JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.cli import one_line
from perception_kd.comparison.intervals.draws import FrameDraws
from perception_kd.comparison.intervals.units import BLOCK_FRAMES
from perception_kd.comparison.metrics import kind_of
from perception_kd.comparison.parts import Found, folder_of, require_there
from perception_kd.comparison.place import Place
from perception_kd.comparison.queue import Queue
from perception_kd.comparison.runs import Run
from perception_kd.comparison.table import CONFIDENCE, Paired, aligned, paired
from perception_kd.datasets.nuscenes.tables import read_json
from perception_kd.engine.stages import RESULTS
from perception_kd.evaluation.fast.boxes import Floats
from perception_kd.evaluation.report import METRICS
from perception_kd.evaluation.resampling.bootstrap import FEW_SCENES, interval
from perception_kd.files import write_json

FILE, FORMAT = 'intervals.json', 'perception_kd comparison intervals 1'
_ROUNDING = 1e-4
Row = dict[str, Any]


class Intervals:
    """Paired bootstrap over frames of the difference between each method and the reference, averaged over seeds.

    Args:
        queue: With all runs.
        metrics: Of which.
        resamples: Of the frames.
        block_frames: Frames in a block, where there are few scenes.

    Raises:
        ValueError: Another task than nuScenes-format detection, no such metric, wrong numbers.
    """

    def __init__(self, queue: Queue, metrics: Sequence[str], resamples: int, block_frames: int = BLOCK_FRAMES) -> None:
        for run in queue.runs:
            if kind_of(run.cfg) != 'NuScenesDetMetric':
                raise ValueError('--intervals is for detection in the nuScenes format, not for what '
                                 f'{kind_of(run.cfg) or "several evaluators"} scores')
        if resamples < 1 or block_frames < 1:
            raise ValueError(f'--intervals and --block-frames must be at least 1, got {resamples} and {block_frames}')
        self.queue, self.metrics = queue, [name for name in metrics if name in METRICS]
        self.resamples, self.block_frames = resamples, block_frames
        self.rows: list[Row] = []
        self._draws: FrameDraws | None = None
        self._before = read_intervals(queue.out / FILE)

    def section(self, results: Sequence[Found], names: Sequence[str], teachers: Mapping[str, Found]) -> list[str]:
        """Lines of the report; what it says stands in ``intervals.json`` too."""
        drawn, missing = self._drawn(results, names)
        rows = [row for name in names[1:] for metric in self.metrics
                if (row := self._row(results, names[0], name, metric, drawn))]
        self.rows += rows
        new = set(map(key_of, self.rows))
        others = [row for key, row in self._before.items() if key not in new]
        write_json(self.queue.out / FILE, dict(
            format=FORMAT, resamples=self.resamples, block_frames=self.block_frames, rows=[*self.rows, *others]))
        lines = ['', '### Intervals of seeds and of frames', '', _table(rows)] if rows else ['']
        return [*lines, '', *_notes(rows, missing)]

    def _drawn(self, results: Sequence[Found], names: Sequence[str]) -> tuple[dict, dict[str, list[str]]]:
        """Metrics of every resample by method and seed, and the runs that have none by the reason."""
        finished = {(one['name'], one['seed']): one for one in results}
        drawn, missing = {}, {}
        for run in self.queue.runs:
            found = finished.get((run.entry.name, run.seed))
            if found is not None and run.entry.name in names:
                try:
                    drawn[run.entry.name, run.seed] = self._metrics(run, found)
                except (OSError, ValueError) as error:
                    missing.setdefault(one_line(error), []).append(run.name)
        return drawn, missing

    def _metrics(self, run: Run, found: Found) -> dict[str, Floats]:
        folder = folder_of(self.queue.work / run.name, run.key)
        path = require_there(folder, RESULTS, 'its result file')
        if self._draws is None:
            place = Place.of(run.cfg)
            self._draws = FrameDraws(place, place.frames([path]), resamples=self.resamples,
                                     block_frames=self.block_frames)
        values = self._draws.metrics(path, self.metrics)
        for name, value in values.items():
            filed = found['metrics'].get(name)
            if filed is not None and not abs(value[0] - filed) < _ROUNDING:
                raise ValueError(f'{path} gives {name} {value[0]:.4f}, and the run has {filed:.4f}: it is of another '
                                 'scoring')
        return values

    def _row(self, results: Sequence[Found], reference: str, name: str, metric: str, drawn: Mapping) -> Row | None:
        filed = paired(results, reference, name, metric)
        seeds = sorted({one['seed'] for one in results if (name, one['seed']) in drawn and (reference, one['seed'])
                        in drawn})
        row: Row = dict(method=name, reference=reference, metric=metric)
        before = self._before.get((name, reference, metric))
        if len(seeds) < len(filed.differences) and before is not None and fits(before, filed):
            return before
        if not seeds:
            return None
        differences = np.mean([drawn[name, seed][metric] - drawn[reference, seed][metric] for seed in seeds], axis=0)
        if not np.isfinite(differences[0]):
            return None
        over_seeds = paired([one for one in results if one['seed'] in seeds], reference, name, metric).interval
        return {**row, 'seeds': seeds, 'difference': float(differences[0]), 'over_seeds': over_seeds,
                'over_frames': interval(differences[1:]), 'units': self._draws.units.count,
                'drawn': self._draws.units.kind, 'resamples': self.resamples}


def read_intervals(path: Path) -> dict[tuple[str, str, str], Row]:
    """Rows of an earlier report by method, reference and metric; none where there is no such report."""
    try:
        found = read_json(path, 'move it away')
        if found['format'] == FORMAT:
            return {key_of(row): row for row in found['rows']
                    if {'seeds', 'difference', 'over_frames'} <= set(row)}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}


def key_of(row: Row) -> tuple[str, str, str]:
    """Method, reference and metric."""
    return row['method'], row['reference'], row['metric']


def fits(row: Row, filed: Paired) -> bool:
    """Whether a row of an earlier report is of the same runs as these differences: as many seeds, the same mean."""
    return len(row['seeds']) == len(filed.differences) and abs(row['difference'] - filed.mean) < _ROUNDING


def _table(rows: Sequence[Row]) -> str:
    head = ['method', 'metric', 'seeds', f'against {rows[0]["reference"]}', f'{CONFIDENCE:.0%} over seeds',
            f'{CONFIDENCE:.0%} over frames']
    return aligned(head, [[row['method'], row['metric'], str(len(row['seeds'])), f'{row["difference"]:+.3f}',
                           _range(row['over_seeds']), _range(row['over_frames'])] for row in rows])


def _range(ends: Sequence[float] | None) -> str:
    return '-' if ends is None else f'[{ends[0]:+.3f}, {ends[1]:+.3f}]'


def _notes(rows: Sequence[Row], missing: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if rows:
        units = f'{rows[0]["units"]} {rows[0]["drawn"]}'
        yield (f'Over seeds: what other trainings would have done on these frames. Over frames: what these trainings '
               f'would have done on other frames, by a paired bootstrap of {units} ({rows[0]["resamples"]} resamples). '
               'A gain should stand in both.')
        if rows[0]['units'] < FEW_SCENES:
            yield f'Only {units}: the intervals over frames are rough, or blank, and say little.'
    for reason, runs in missing.items():
        yield f'Without intervals over frames: {", ".join(runs)} ({reason}).'
