"""How long a model takes, stage by stage: charts and tables of what ``tools/benchmark.py latency`` has measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_kd.visualization.report.blocks import Block, Chart, Number, Numbers, Section, Table, Text
from perception_kd.visualization.report.charts import Series, bars
from perception_kd.visualization.report.runs import RunSet
from perception_kd.visualization.report.words import count, listed, sentence

Measured = Mapping[str, Any]
STAGES = {'inputs': 'inputs', 'image': 'image network', 'radar': 'radar network', 'view': 'view transform',
          'fusion': 'fusion', 'temporal': 'past frames', 'trunk': 'BEV network', 'head': 'head', 'decode': 'boxes',
          'rest': 'rest'}
LEAD = ('Where the time of one prediction goes, from tensors to boxes, measured on random inputs. Distillation leaves '
        'the student as it is: the same network takes the same time.')


def section(runs: RunSet) -> Section | None:
    """All measurements side by side; None without any."""
    found = [_read(path) for path in runs.extras.latency]
    if not found:
        return None
    names = _names(runs, found)
    blocks: list[Block] = [Numbers(_headlines(names, found)), _stages(runs, names, found), _table(names, found),
                           Text(_conditions(found))]
    return Section('latency', 'Latency', LEAD, blocks)


def _read(path: Path) -> Measured:
    """A measurement.

    Raises:
        ValueError: something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        found = None
    needed = {'setting', 'spread', 'parameters', 'machine', 'versions', 'flops', 'frames_per_second'}
    if not isinstance(found, dict) or found.get('benchmark') != 'latency' or needed - set(found):
        raise ValueError(f'{path} is damaged: not what tools/benchmark.py latency --json writes; move it away to '
                         'report without it')
    return found


def _names(runs: RunSet, found: Sequence[Measured]) -> list[str]:
    """The models' titles where the config is a run's, told apart by what else was set."""
    titles = {str(run.config.get('filename') or ''): run.method or run.title for run in runs.runs}
    titles |= {path.name: run.method or run.title for run in runs.runs for path in sorted(run.folder.glob('*.py'))}
    names = []
    for one in found:
        setting = one['setting']
        name = titles.get(setting['config'], setting['config'].removesuffix('.py'))
        extra = [setting['amp'] or '', 'frame by frame' if setting['streaming'] else '',
                 f'{setting["batch"]} at once' if setting['batch'] > 1 else '',
                 setting['device'] if len({other['setting']['device'] for other in found}) > 1 else '']
        name = ', '.join([name, *filter(None, extra)])
        names.append(name if name not in names else f'{name} ({names.count(name) + 1})')
    return names


def _headlines(names: Sequence[str], found: Sequence[Measured]) -> list[Number]:
    """Four numbers of one model, one of each of several."""
    numbers = []
    for name, one in zip(names, found):
        parts = [Number('Time of a prediction', f'{1e3 * one["spread"]["total"]["median"]:.0f}', 'ms',
                        f'{name}{", on a busy machine" if _busy(one) else ""}'),
                 Number('Frames per second', f'{one["frames_per_second"]:.1f}'),
                 Number('Parameters', f'{one["parameters"]["total"] / 1e6:.1f}', 'M'),
                 Number('Operations', f'{one["flops"]["total"] / 1e9:.1f}', 'GFLOP')]
        numbers += parts if len(found) == 1 else parts[:1]
    return numbers


def _stages(runs: RunSet, names: Sequence[str], found: Sequence[Measured]) -> Chart:
    """A bar for each stage of each model, in the order in which data pass them."""
    present = [stage for stage in STAGES if any(stage in one['spread'] for one in found)]
    blank = {'median': 0.0}
    series = [Series(name, [STAGES[stage] for stage in present],
                     [1e3 * one['spread'].get(stage, blank)['median'] for stage in present],
                     model=runs.models.index(name) if name in runs.models else None) for name, one in zip(names, found)]
    first = found[0]['spread']
    longest = max((stage for stage in present if stage in first), key=lambda stage: first[stage]['median'])
    share = first[longest]['median'] / first['total']['median']
    return bars('Time by stage', series, value='ms, median', horizontal=True, digits=1,
                caption=f'Of the {names[0]}, the {STAGES[longest]} takes most: {100 * share:.0f} %.')


def _table(names: Sequence[str], found: Sequence[Measured]) -> Table:
    rows = []
    for name, one in zip(names, found):
        total = one['spread']['total']['median']
        for stage in [*STAGES, 'total']:
            if stage in one['spread']:
                spread = one['spread'][stage]
                rows.append([name, STAGES.get(stage, stage), *(1e3 * spread[key] for key in ('median', 'low', 'high')),
                             100 * spread['median'] / total, one['flops'].get(stage, 0) / 1e9 or None])
    columns = ['model', 'stage', 'ms, median', 'lower quartile', 'upper quartile', 'share, %', 'GFLOP']
    return Table(columns, rows, 'Every stage with its spread and its operations.', digits=(3, 3, 1, 1, 1, 0, 2),
                 folded=True)


def _busy(one: Measured) -> bool:
    """Whether other work ran beside it."""
    return one['machine']['load'][0] > one['machine']['cores']


def _conditions(found: Sequence[Measured]) -> str:
    """What it was measured on, and how far to trust it."""
    machines = list(dict.fromkeys(
        f'{one["machine"].get("gpu") or one["machine"]["processor"]} with '
        f'{count(one["machine"]["threads"], "thread")}, torch {one["versions"]["torch"]}, '
        f'{count(one["setting"]["runs"], "run")}' for one in found))
    text = f'Measured on {listed(machines)}.'
    if any(map(_busy, found)):
        text += ' The machine was busy with other work: read shares, not milliseconds.'
    note = sentence(found[0].get('flops_note', ''))
    return f'{text} {note}.' if note else text
