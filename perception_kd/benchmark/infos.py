"""Info creation on tables of full nuScenes size: through nuscenes-devkit against our own, time, memory and content."""

from __future__ import annotations

import math
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception_kd.benchmark import infos_sides
from perception_kd.benchmark.child import run_in_child
from perception_kd.benchmark.infos_devkit import read_pickles
from perception_kd.benchmark.scaled_tables import VERSION, write_scaled_tables
from perception_kd.benchmark.timing import Comparison, Report
from perception_kd.datasets.nuscenes.create import InfoJob
from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.datasets.nuscenes.stream import iter_rows
from perception_kd.datasets.nuscenes.tables import split_scenes
from perception_kd.processes import collection_paused

_SIDES = ('nuscenes-devkit', 'arrays')
_WHOLE = 'tables to info files'
_ROUNDING = 1e-6  # global coordinates of some kilometres in float64 give 1e-11
_STAGES = {'tables': (infos_sides.devkit_tables, infos_sides.our_tables),
           _WHOLE: (infos_sides.devkit_infos, infos_sides.our_infos)}  # fmt: skip


@dataclass
class MemoryReport(Report):
    """A report that tells memory too.

    Attributes:
        peak_bytes: Per column and side, the most bytes of any run, all processes together.
    """

    peak_bytes: dict[str, dict[str, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """With ``memory_ratio``, the other side's memory over ours."""
        ratio = {name: sides[_SIDES[0]] / sides[_SIDES[1]] for name, sides in self.peak_bytes.items()}
        return {**super().to_json(), 'peak_bytes': self.peak_bytes, 'memory_ratio': ratio}

    def table(self) -> str:
        """With a line of memory for each comparison."""
        lines = [f'memory, {name}: {sides[_SIDES[0]] / 1e6:.0f} MB and {sides[_SIDES[1]] / 1e6:.0f} MB, '
                 f'ratio {sides[_SIDES[0]] / sides[_SIDES[1]]:.2f}' for name, sides in self.peak_bytes.items()]
        return '\n'.join([super().table(), *lines])


def benchmark_infos(*, scenes: int = 850, root: Path | None = None, workers: int = 2, runs: int = 1) -> MemoryReport:
    """Time and weigh both sides on the tables of ``v1.0-trainval``, every run in a fresh process.

    Args:
        scenes: Scenes of the tables that are written.
        root: Where the tables are, or are written if there are none; default a temporary folder.
        workers: Processes of our side; the devkit's way has one.
        runs: Of each side.

    Raises:
        ValueError: the infos of the two sides differ in more than rounding.
    """
    with tempfile.TemporaryDirectory() if root is None else nullcontext(root) as chosen, \
            tempfile.TemporaryDirectory() as out:
        root, out = Path(chosen), Path(out)
        if not (root / VERSION).is_dir():
            write_scaled_tables(root, scenes=scenes)
        report = MemoryReport('infos', dict(version=VERSION, workers=workers, rows=_rows(root)))
        for stage, works in _STAGES.items():
            seconds: dict[str, list[float]] = {side: [] for side in _SIDES}
            peaks = dict.fromkeys(_SIDES, 0)
            for _ in range(runs):
                for side, work in zip(_SIDES, works):
                    measured = run_in_child(work, root, VERSION, out, workers)
                    seconds[side].append(measured.seconds)
                    peaks[side] = max(peaks[side], measured.peak_bytes)
            report.columns[stage] = Comparison(*_SIDES, seconds, {'infos': 0.0})
            report.peak_bytes[stage] = peaks
        report.columns[_WHOLE].max_difference['infos'] = _compare(root, out)
    return report


def _rows(root: Path) -> dict[str, int]:
    """Rows of the tables that count."""
    return {name: sum(1 for _ in iter_rows(root / VERSION / f'{name}.json', ('token',)))
            for name in ('scene', 'sample', 'sample_data', 'ego_pose', 'sample_annotation')}


def _compare(root: Path, out: Path) -> float:
    """Largest difference between numbers of the two sides' infos; a ``ValueError`` where it is more than rounding."""
    job, most = InfoJob(root=root, version=VERSION, out=out), 0.0
    with collection_paused():
        for split in split_scenes(root, VERSION):
            if not job.info_file(split).is_file():
                continue
            ours = load_infos(job.info_file(split))[1]
            ours.reverse()
            for theirs in read_pickles(out / f'{split}.pickles'):
                one = ours.pop()
                del one['sample_idx']  # its place in the file
                most = max(most, gap := largest_difference(theirs, one, f'{split}: {theirs["token"]}'))
                if gap > _ROUNDING:
                    raise ValueError(f'{split}: {theirs["token"]}: numbers of the two sides differ by up to {gap:.3g}')
            if ours:
                raise ValueError(f'{split}: {len(ours)} infos more than of the devkit')
    return most


def largest_difference(theirs: Any, ours: Any, where: str = '') -> float:
    """Between numbers of nested plain data; NaN equals NaN.

    Raises:
        ValueError: anything else differs; says where.
    """
    if type(theirs) is float and type(ours) is float:
        return 0.0 if theirs == ours or (theirs != theirs and ours != ours) else _gap(theirs, ours, where)
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        return max((largest_difference(value, ours[key], f'{where}/{key}') for key, value in theirs.items()),
                   default=0.0)
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return max((largest_difference(one, other, where) for one, other in zip(theirs, ours)), default=0.0)
    if type(theirs) is not type(ours) or isinstance(theirs, (dict, list)) or theirs != ours:
        raise ValueError(f'{where}: {str(theirs)[:200]} and {str(ours)[:200]} differ')
    return 0.0


def _gap(theirs: float, ours: float, where: str) -> float:
    gap = abs(theirs - ours)
    if not gap < math.inf:
        raise ValueError(f'{where}: {theirs} and {ours} differ')
    return gap
