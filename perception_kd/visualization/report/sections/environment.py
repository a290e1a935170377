"""What the numbers were made with: runs, software, machine, data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.stamp import load_stamp
from perception_kd.visualization.report.blocks import Block, Cell, Code, Fold, Heading, Section, Table, Text
from perception_kd.visualization.report.runs import Run, RunSet
from perception_kd.visualization.report.words import count, duration, listed

_STAMP = {'version': 'version', 'split': 'split', 'world': 'simulated world', 'tables': 'fingerprint of the tables',
          'schema': 'schema', 'box_convention': 'box convention', 'lidar_sweeps': 'LiDAR sweeps',
          'radar_sweeps': 'radar sweeps', 'missing_files': 'missing files', 'left_out': 'frames left out'}
_LOG_BLOCK = 'System environment:'


def section(runs: RunSet) -> Section | None:
    """None without runs."""
    if not runs.runs:
        return None
    blocks: list[Block] = [_runs(runs), Heading('Software and machine'), *_software(runs), *_logs(runs),
                           *_data(runs.runs)]
    return Section('environment', 'Environment', '', blocks)


def _runs(runs: RunSet) -> Table:
    """A line a run; columns that nobody could fill are left out."""
    columns: dict[str, list[Cell]] = {
        'Run': [run.title for run in runs.runs], 'Role': [run.role for run in runs.runs],
        'Seed': [run.seed for run in runs.runs], 'Epochs': [_epochs(run) for run in runs.runs],
        'Iterations': [_iterations(run) for run in runs.runs],
        'Batch': [(run.config.get('train_dataloader') or {}).get('batch_size') for run in runs.runs],
        'Training': [_time(run, 'train') for run in runs.runs], 'Scoring': [_time(run, 'score') for run in runs.runs],
        'Weights': [run.checkpoint.resolve().name if run.checkpoint else None for run in runs.runs],
        'MB': [run.checkpoint.stat().st_size / 1e6 if run.checkpoint else None for run in runs.runs],
        'Commit': [run.record.get('commit') or None for run in runs.runs]}
    known = {name: cells for name, cells in columns.items() if any(cell is not None for cell in cells)}
    align = tuple('left' if name in ('Run', 'Role', 'Weights', 'Commit') else 'right' for name in known)
    return Table(list(known), [list(row) for row in zip(*known.values())],
                 'Batch is that of one process; times are wall time.', (), align, 1)


def _epochs(run: Run) -> str | None:
    done, planned = run.epochs
    if done is None:
        return None
    return str(done) if done == planned or not planned else f'{done} of {planned}'


def _iterations(run: Run) -> int | None:
    loss = run.training.get('loss')
    return None if loss is None else int(loss.steps[-1])


def _time(run: Run, stage: str) -> str | None:
    return duration(run.seconds[stage]) if stage in run.seconds else None


def _software(runs: RunSet) -> list[Block]:
    """As the runs have noted it; runs that were made with the same share a line."""
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for run in runs.runs:
        noted = _flat(run.record.get('versions')) + _flat(run.record.get('machine'))
        if noted:
            groups.setdefault(noted, []).append(run.title)
    if not groups:
        return [Text('The runs have noted neither versions nor machine. Newer ones do, in `environment.json`.')]
    names = list(dict.fromkeys(name for noted in groups for name, _ in noted))
    heads = ['all runs'] if len(groups) == 1 and sum(map(len, groups.values())) == len(runs.runs) else \
        [', '.join(titles) if len(titles) < 4 else count(len(titles), 'run') for titles in groups.values()]
    rows = [[name, *(dict(noted).get(name, '\u2013') for noted in groups)] for name in names]
    return [Table(['', *heads], rows, '', (), ('left',) * (1 + len(heads)))]


def _flat(noted: Any) -> tuple[tuple[str, str], ...]:
    """Names and values as text, without the load of the machine, which is another each time."""
    known = noted.items() if isinstance(noted, Mapping) else ()
    return tuple((str(name), str(value)) for name, value in known if name != 'load')


def _logs(runs: RunSet) -> list[Block]:
    """What mmengine has written at the head of its logs."""
    found = [(run, text) for run in runs.runs if run.log and (text := logged_environment(run.log))]
    return [Fold('Environment as logged', [Code(text, run.title) for run, text in found])] if found else []


def logged_environment(log: Path) -> str:
    """mmengine's block on the environment in a log; empty where it was left out."""
    with log.open(encoding='utf-8', errors='replace') as file:
        lines = file.read(100_000).splitlines()
    start = next((number for number, line in enumerate(lines) if line.strip() == _LOG_BLOCK), None)
    if start is None:
        return ''
    end = next((number for number, line in enumerate(lines[start:], start) if line.startswith('-----')
                and number > start + 1), len(lines))
    return '\n'.join(line[4:] if line.startswith('    ') else line for line in lines[start + 1:end]).strip()


def _data(runs: Sequence[Run]) -> list[Block]:
    """Stamps of the info files, side by side."""
    infos = list(dict.fromkeys(run.data.infos for run in runs if run.data.infos))
    pairs = _pairs(runs)
    stamps = []
    for path in infos:
        try:
            stamps.append((path, load_stamp(path)))
        except (OSError, ValueError):
            continue  # the metrics do not depend on it
    if not stamps:
        return pairs
    twice = len({path.name for path, _ in stamps}) < len(stamps)
    heads = [f'{path.name} of {_users(runs, path)}' if twice else path.name for path, _ in stamps]
    rows = [[title, *(str(stamp.get(key, '')) or '\u2013' for _, stamp in stamps)] for key, title in _STAMP.items()
            if any(key in stamp for _, stamp in stamps)]
    return [Heading('Data'), Table(['Stamp', *heads], rows, 'What the info files say of '
                                   'themselves.', (), ('left',) * (1 + len(stamps)))]


def _pairs(runs: Sequence[Run]) -> list[Block]:
    """The data sets of stereo, with the stamp of those that are simulated."""
    found = {(name, one.world): one for run in runs for name, one in run.tested.items()}
    rows: list[list[Cell]] = [[name, one.split or None, len(one.errors.pictures), one.errors.protocol.text(),
                               world or None] for (name, world), one in found.items()]
    if not rows:
        return []
    heads = ['Data set', 'Split', 'Pairs', 'Rules', 'Stamp of the simulation']
    return [Heading('Data'), Table(heads, rows, 'What was scored, and how.', (),
                                   ('left', 'left', 'right', 'left', 'left'))]


def _users(runs: Sequence[Run], infos: Path) -> str:
    """Titles of the runs that were scored on an info file."""
    titles = [run.title for run in runs if run.data.infos == infos]
    return listed(titles) if len(titles) < 4 else count(len(titles), 'run')
