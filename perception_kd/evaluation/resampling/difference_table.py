"""The difference of two models as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from perception_kd.evaluation.report import MEAN_ERRORS
from perception_kd.evaluation.resampling.difference import SIGNIFICANT, MetricDifference, smallest_p
from perception_kd.evaluation.resampling.text import bookkeeping, format_range
from perception_kd.structures.classes import NUSCENES_CLASSES

_TOTALS = 2 + len(MEAN_ERRORS)  # in Holm's family


def as_dict(found: Sequence[MetricDifference], meta: Mapping[str, Any]) -> dict[str, Any]:
    """For a JSON file."""
    rows = {one.name: {**asdict(one), 'significant': one.significant, 'better': one.better} for one in found}
    return dict(meta=dict(meta), metrics=rows)


def format_difference(found: Sequence[MetricDifference], meta: Mapping[str, Any]) -> str:
    """One line a metric; classes without truth are left out.

    Args:
        found: As ``difference.compare`` gives them.
        meta: As in ``answers``, with ``first`` and ``second`` (the files), ``resamples`` and ``seed``.
    """
    several = len(meta['first']) > 1
    lines = [f'A: {", ".join(meta["first"])}', f'B: {", ".join(meta["second"])}', '']
    lines.append(f'{"metric":<26}{"A":>9}{"B":>9}{"B - A":>9}  {"95 % of B - A":<18}{"p":>7}{"Holm":>7}'
                 + (f'{"spread A":>10}{"spread B":>10}' if several else ''))
    group = ''
    for one in found:
        if one.difference is not None:
            if group and _group(one.name) != group:
                lines.append('')
            group = _group(one.name)
            lines.append(_line(one, several))
    return '\n'.join([*lines, '', *_footer(meta, several), *bookkeeping(meta)])


def _footer(meta: Mapping[str, Any], several: bool) -> list[str]:
    lines = [
        'interval: paired bootstrap of scenes; p: permutation test, A and B changing places scene by scene by chance;',
        'Holm: p corrected for their number, among the totals, the AP of classes and the errors of classes;',
        f'"* better" and "* worse" say how B is where that is below {SIGNIFICANT:g}; errors (ATE .. AAE) are better '
        'when lower']
    if meta['resamples'] and _TOTALS * smallest_p(meta['scenes'], meta['resamples']) >= SIGNIFICANT:
        lines.append(f'p is never below {smallest_p(meta["scenes"], meta["resamples"]):.2g} with so few scenes or '
                     'resamples: no difference of the totals can get a mark')
    if several:
        lines.append('spread: standard deviation over the trainings of a side; interval and p know the scenes only,')
        lines.append('so a difference not clearly larger than the spreads may still be the luck of the trainings')
    else:
        lines.append("the luck of one training is in none of these numbers: train several seeds (--against)")
    return lines


def _group(name: str) -> str:
    return next((one for one in NUSCENES_CLASSES if name.startswith(f'{one}_')), 'totals')


def _line(one: MetricDifference, several: bool) -> str:
    values = f'{one.name:<26}{one.first:>9.4f}{one.second:>9.4f}{one.difference:>+9.4f}'
    within = f'  {format_range(one.interval, "+"):<18}'
    chance = ''.join(' ' * 7 if value is None else f'{value:>7.3f}' for value in (one.p_value, one.adjusted))
    spreads = ''.join(' ' * 10 if value is None else f'{value:>10.4f}' for value in one.spreads) if several else ''
    mark = f'  * {"better" if one.better else "worse"}' if one.significant else ''
    return f'{values}{within}{chance}{spreads}{mark}'.rstrip()
