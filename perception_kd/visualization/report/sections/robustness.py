"""What is left of the models when sensors fail: charts and tables of ``robustness.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from perception_kd.evaluation.resampling.bootstrap import FEW_SCENES
from perception_kd.visualization.report.blocks import Block, Chart, Fold, Heading, Multiples, Section, Table, Text
from perception_kd.visualization.report.charts import Series, bars, lines
from perception_kd.visualization.report.runs import RunSet
from perception_kd.visualization.report.words import between, class_name, listed, sentence, signed

Found = Mapping[str, Any]
MOST_BARS = 12
FAMILIES = {'camera': 'cameras', 'camera_rig': 'calibration', 'radar': 'radars', 'lidar': 'LiDAR',
            'crosses': 'both at once'}
LEAD = ('What is left when cameras, radars or LiDARs fail. RR, the resilience rate, is the part of the score on sound '
        'sensors that a fault leaves, over its severities; CE, the corruption error, is the error 1 \N{MINUS SIGN} NDS '
        'as a part of that of the baseline. mRR and mCE are their means over all faults.')


def section(runs: RunSet) -> Section | None:
    """One part for each summary; None without any."""
    if not runs.extras.robustness:
        return None
    from perception_kd.robustness.summary import read_summary  # brings the trainer along, which takes seconds

    found = [(path, read_summary(path)) for path in runs.extras.robustness]
    blocks = [block for path, summary in found for block in _part(runs, path, summary, several=len(found) > 1)]
    return Section('robustness', 'Robustness to sensor faults', LEAD, blocks)


def _part(runs: RunSet, path: Path, summary: Found, several: bool) -> list[Block]:
    names = {model['name']: title_of(runs, model['name']) for model in summary['models']}
    models = [{**model, 'name': names[model['name']]} for model in summary['models']]
    head: list[Block] = [Heading(sentence(listed(list(names.values()))))] if several else []
    fold = Fold('Every fault in numbers', [_fault_table(model) for model in models])
    baseline = names.get(summary['baseline']['model'], summary['baseline']['model'])
    words = f'{_conditions(summary, path, baseline)}{_elsewhere(runs, summary["data"])}'
    return [*head, Text(words), _overview(models), _rates(runs, models), _severities(runs, models),
            *[_difference(one, names, summary['data']['scenes']) for one in summary['differences']], fold]


def title_of(runs: RunSet, name: str) -> str:
    """Title of the run whose folder has that name, as its colour goes by it; else the name."""
    return next((run.method or run.title for run in runs.runs if run.folder.name == name), name)


def place_of(runs: RunSet, title: str) -> int | None:
    """Position among the page's models, None for a stranger."""
    return runs.models.index(title) if title in runs.models else None


def _conditions(summary: Found, path: Path, baseline: str) -> str:
    data, source = summary['data'], summary['baseline']['of']
    world = f'simulated world `{data["world"]}`' if data['world'] else data['version']
    few = f' With {data["scenes"]} scenes small differences say little.' if data['scenes'] < FEW_SCENES else ''
    return (f'{sentence(world)}, split `{data["split"]}`: {data["frames"]} key frames of {data["scenes"]} scenes, '
            f'faults of seed {summary["seed"]}; the baseline of CE is the {baseline} of {source} '
            f'(`{path.parent.name}/{path.name}`).{few}')


def _elsewhere(runs: RunSet, data: Found) -> str:
    """A warning where the scores of the runs are from other data."""
    places = {(run.data.version, run.data.split, run.data.world) for run in runs.scored if run.summary}
    here = (data['version'], data['split'], data['world'] or '')
    return ' The results above were scored on other data: do not compare them.' if places - {here} else ''


def _overview(models: Sequence[Found]) -> Table:
    families = list(dict.fromkeys(family for model in models for family in model['families']))
    rows = [[model['name'], model['clean']['NDS'], _percent(model['mRR']['NDS']), _percent(model['mCE']['NDS']),
             *(_percent(model['families'][family]['mRR']['NDS']) for family in families)] for model in models]
    columns = ['model', 'clean NDS', 'mRR, %', 'mCE, %', *map(family_name, families)]
    return Table(columns, rows, 'mRR and mCE of NDS over all faults, and mRR in % by family of faults.',
                 best=(None, 'max', 'max', 'min', *['max'] * len(families)), digits=(3, 3, *[1] * (len(columns) - 2)))


def _rates(runs: RunSet, models: Sequence[Found]) -> Chart:
    faults = [name for name, fault in models[0]['faults'].items() if any(one['faults'][name]['read'] for one in models)]
    faults.sort(key=lambda name: mean(model['faults'][name]['RR']['NDS'] or 0.0 for model in models))
    worst, names = faults[:MOST_BARS], [fault_name(name) for name in faults[:MOST_BARS]]
    series = [Series(model['name'], names, [_percent(model['faults'][name]['RR']['NDS']) for name in worst],
                     model=place_of(runs, model['name'])) for model in models]
    return bars('What the worst faults leave', series, value='NDS left, % of the clean NDS', horizontal=True, digits=1,
                caption=f'RR of NDS, mean over severities, of the {len(names)} faults of {len(faults)} that cost most '
                        f'(mean of the models): {names[0]} leaves least.')


def _severities(runs: RunSet, models: Sequence[Found]) -> Multiples:
    """A small chart for each family: mean NDS of its faults over severity."""
    families = list(dict.fromkeys(fault['family'] for fault in models[0]['faults'].values()))
    series = {family: [_family(runs, model, family) for model in models] for family in families}
    top = 1.08 * max(value for rows in series.values() for one in rows for value in (0.01, *one.y) if value is not None)
    charts = [lines(sentence(family_name(family)), rows, x='severity', y='NDS', markers=True, range_y=(0, top),
                    height=260) for family, rows in series.items()]
    return Multiples(charts, 'Mean NDS of the faults of a family by severity; 0 is the score with sound sensors. A '
                             'severity counts where every fault of the family has it.')


def _family(runs: RunSet, model: Found, family: str) -> Series:
    faults = [fault for fault in model['faults'].values() if fault['family'] == family]
    tables = [dict(zip(fault['severities'], fault['NDS'])) for fault in faults]
    shared = sorted(set.intersection(*map(set, tables)))
    values = [[table[severity] for table in tables] for severity in shared]
    means = [None if None in row else mean(row) for row in values]
    return Series(model['name'], [0, *shared], [model['clean']['NDS'], *means], model=place_of(runs, model['name']))


def _difference(found: Found, names: Mapping[str, str], scenes: int) -> Table:
    model, against = (names.get(found[key], found[key]) for key in ('model', 'against'))
    parts = {'sound sensors': found['clean'], **{fault_name(name): fault['mean'] for name, fault in
                                                 found['faults'].items()}, 'all faults': found['mean']}
    rows = [[name, signed(part['NDS']), between(part.get('interval')), signed(part['mAP'])]
            for name, part in parts.items()]
    caption = (f'NDS of {model} less that of {against}, mean over severities, with 95 % intervals from scenes drawn '
               'again.')
    if scenes >= FEW_SCENES:
        higher, lower = ([name for name, part in parts.items() if (side := part.get('interval'))
                          and min(sign * end for end in side) > 0] for sign in (1, -1))
        caption += f' The interval lies above 0 under {listed(higher)}, and below 0 under {listed(lower)}.'
    return Table(['fault', 'NDS', '95 % interval', 'mAP'], rows, caption, align=('left', 'right', 'right', 'right'),
                 folded=True)


def _fault_table(model: Found) -> Table:
    faults = {name: fault for name, fault in model['faults'].items() if fault['read']}
    severities = sorted({severity for fault in faults.values() for severity in fault['severities']})
    rows = []
    for name, fault in faults.items():
        scores = dict(zip(fault['severities'], fault['NDS']))
        rows.append([fault_name(name), family_name(fault['family']), *(scores.get(severity) for severity in severities),
                     _percent(fault['RR']['NDS']), _percent(fault['CE']['NDS']), _percent(fault['RR']['mAP'])])
    columns = ['fault', 'family', *(f'NDS at {severity}' for severity in severities), 'RR, %', 'CE, %', 'RR of mAP, %']
    digits = (3, 3, *[3] * len(severities), 1, 1, 1)
    return Table(columns, rows, f'{model["name"]}: NDS at each severity; clean NDS {model["clean"]["NDS"] or 0:.3f}.',
                 digits=digits)


def fault_name(name: str) -> str:
    """As people write it."""
    return class_name(name).replace('+', ' + ')


def family_name(name: str) -> str:
    """As people write it."""
    return FAMILIES.get(name, class_name(name))


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value
