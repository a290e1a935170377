"""What the grid found, as people read it: Markdown that is readable as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perception_kd.comparison.table import aligned
from perception_kd.evaluation.resampling.bootstrap import FEW_SCENES

Table = Mapping[str, Any]


def report(summary: Table) -> str:
    """All tables with what a reader must know beside them.

    Args:
        summary: As :func:`~perception_kd.robustness.summary.summarise` gives it.
    """
    models = summary['models']
    parts = ['# Robustness', '\n'.join(_conditions(summary)), '## All faults', overview(models),
             *(f'## {model["name"]}\n\n{fault_table(model)}' for model in models),
             *(f'## {one["model"]} less {one["against"]}\n\n{difference_table(one)}'
               for one in summary['differences'])]
    return '\n\n'.join(parts)


def _conditions(summary: Table) -> list[str]:
    data, baseline = summary['data'], summary['baseline']
    world = (f'**Simulated world** {data["world"]}, not to be compared with figures on nuScenes: '
             if data['world'] else '')
    untouched = [f'{model["name"]} reads {" and ".join(model["reads"])} only: faults of other sensors leave its clean '
                 'score, marked *.' for model in summary['models']
                 if not all(fault['read'] for fault in model['faults'].values())]
    return [f'{world}{data["frames"]} key frames of {data["scenes"]} scenes, {data["version"]} {data["split"]}, '
            f'faults of seed {summary["seed"]}, scored by {_ENGINES.get(summary["engine"], summary["engine"])}.',
            f'CE is the error 1 - NDS as a part of that of {baseline["model"]} ({baseline["of"]}), lower is better; '
            'RR is the part of the clean NDS that is left, higher is better; both in %, over all severities of a '
            'fault. mCE and mRR are their means over faults.', *untouched, *_intervals(summary)]


_ENGINES = {'devkit': 'nuscenes-devkit', 'fast': 'the fast engine'}


def _intervals(summary: Table) -> list[str]:
    scenes = summary['data']['scenes']
    if not any(one['clean']['interval'] for one in summary['differences']):
        return []
    few = f' With {scenes} scenes only they say little.' if scenes < FEW_SCENES else ''
    return [f'Intervals are 95 % of the differences for scenes drawn with replacement, alike for both models.{few}']


def overview(models: Sequence[Table]) -> str:
    """One line a model: clean scores, mCE and mRR of NDS and mAP, and those of NDS by family."""
    families = list(dict.fromkeys(family for model in models for family in model['families']))
    head = ['model', 'clean NDS', 'mCE', 'mRR', 'clean mAP', 'mCE (mAP)', 'mRR (mAP)',
            *(f'{family} {mean}' for family in families for mean in ('mCE', 'mRR'))]
    rows = []
    for model in models:
        by_family = [model['families'][family][mean]['NDS'] for family in families for mean in ('mCE', 'mRR')]
        cells = [points(model['clean']['NDS']), percent(model['mCE']['NDS']), percent(model['mRR']['NDS']),
                 points(model['clean']['mAP']), percent(model['mCE']['mAP']), percent(model['mRR']['mAP'])]
        rows.append([model['name'], *cells, *map(percent, by_family)])
    return aligned(head, rows)


def fault_table(model: Table) -> str:
    """Faults down; NDS at each severity, their mean, CE and RR, then mean, CE and RR of mAP across."""
    severities = _severities(model['faults'])
    head = ['fault', *(f'NDS {severity}' for severity in severities), 'mean', 'CE', 'RR', 'mAP mean', 'CE', 'RR']
    rows = [['clean', *[''] * len(severities), points(model['clean']['NDS']), '', '', points(model['clean']['mAP']),
             '', '']]
    for name, fault in model['faults'].items():
        scores = dict(zip(fault['severities'], fault['NDS']))
        cells = [points(fault['mean']['NDS']), percent(fault['CE']['NDS']), percent(fault['RR']['NDS']),
                 points(fault['mean']['mAP']), percent(fault['CE']['mAP']), percent(fault['RR']['mAP'])]
        rows.append([name if fault['read'] else f'{name} *', *_at(scores, severities, points), *cells])
    return aligned(head, rows)


def difference_table(difference: Table) -> str:
    """Faults down; difference of NDS at each severity, of the mean with its interval, and of mean mAP across."""
    faults = difference['faults']
    severities = _severities(faults)
    head = ['fault', *(f'NDS {severity}' for severity in severities), 'mean', '95 % interval', 'mAP mean']
    rows = [['clean', *[''] * len(severities), *_difference(difference['clean'])]]
    for name, fault in faults.items():
        scores = dict(zip(fault['severities'], fault['NDS']))
        rows.append([name, *_at(scores, severities, signed), *_difference(fault['mean'])])
    rows.append(['all faults', *[''] * len(severities), *_difference(difference['mean'])])
    rate = difference['mRR']
    span = ' .. '.join(f'{100 * end:+.1f}' for end in rate['interval'] or ())
    points_of = '-' if rate['NDS'] is None else f'{100 * rate["NDS"]:+.1f}'
    return f'{aligned(head, rows)}\n\nmRR: {points_of} points{f" ({span})" if span else ""}.'


def _difference(mean: Table) -> list[str]:
    interval = mean.get('interval')
    span = f'{signed(interval[0])} .. {signed(interval[1])}' if interval else ''
    return [signed(mean['NDS']), span, signed(mean['mAP'])]


def _severities(faults: Mapping[str, Table]) -> list[int]:
    return sorted({severity for fault in faults.values() for severity in fault['severities']})


def _at(scores: Mapping[int, float | None], severities: Sequence[int], cell: Any) -> list[str]:
    """Cells by severity; empty where the fault has no such severity."""
    return [cell(scores[severity]) if severity in scores else '' for severity in severities]


def points(value: float | None) -> str:
    """A score in 0..1."""
    return '-' if value is None else f'{value:.4f}'


def signed(value: float | None) -> str:
    """A difference of scores."""
    return '-' if value is None else f'{value:+.4f}'


def percent(value: float | None) -> str:
    """A fraction in per cent."""
    return '-' if value is None else f'{100 * value:.1f}'
