"""Does the student inherit its teacher's weaknesses, and where is a model weak: ``bias.json`` and ``slices.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_kd.evaluation.resampling.bootstrap import FEW_SCENES
from perception_kd.evaluation.slices.bias import INHERITED, MODELS
from perception_kd.evaluation.slices.bias_table import SURE
from perception_kd.visualization.report.blocks import Block, Chart, Heading, Section, Table, Text
from perception_kd.visualization.report.charts import PART_STYLES, Series, bars
from perception_kd.visualization.report.runs import RunSet
from perception_kd.visualization.report.words import between, class_name, listed, signed

Found = Mapping[str, Any]
LEAD = ('By light, weather, distance, LiDAR points and class: where the teacher is ahead of the student, and what '
        'distillation made of it. A weakness is inherited where teacher and distilled student are both below the '
        'student that learned alone.')
NAMED = 3
"""So many of the best and of the worst marks have their names beside them."""
LEAD_ALONE = 'Where a model is weak: AP of parts of the split, with intervals from scenes drawn again.'


def section(runs: RunSet) -> Section | None:
    """Bias first, then slices of single models; None where neither has been computed."""
    biases = [(path, _read(path, 'slices', 'meta', 'compared')) for path in runs.extras.bias]
    slices = [(path, _read(path, 'slices', 'meta')) for path in runs.extras.slices]
    blocks = [block for path, found in biases for block in _bias(path, found)]
    if slices:
        blocks.append(Heading('Slice by slice'))
        blocks += [block for path, found in slices for block in _slices(runs, path, found)]
    if not biases:
        return Section('slices', 'Slice by slice', LEAD_ALONE, blocks[1:]) if blocks[1:] else None
    return Section('slices', 'Slices and inherited bias', LEAD, blocks) if blocks else None


def _read(path: Path, *needed: str) -> Found:
    """What a command of ``tools/evaluate.py`` wrote.

    Raises:
        ValueError: something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, dict) or set(needed) - set(found) or not isinstance(found['slices'], list):
        raise ValueError(f'{path} is damaged: not what tools/evaluate.py {path.stem} --out writes; move it away to '
                         'report without it')
    return found


def _bias(path: Path, found: Found) -> list[Block]:
    rated = [one for one in found['slices'] if one['gap'] is not None]
    return [_scatter(rated), Text(_verdict(found, rated)), _bias_table(rated)] if rated else []


def name_of(one: Found) -> str:
    """A slice as people write it."""
    return one['name'] if one['family'] in ('all', one['name']) else f'{one["family"]}: {class_name(one["name"])}'


def _scatter(rated: Sequence[Found]) -> Chart:
    """Across how far the teacher is ahead, up what distillation won; a mark for each slice."""
    by_gain = sorted(rated, key=lambda one: one['gain'])
    named = by_gain[:NAMED] + by_gain[-NAMED:]
    data = [{'type': 'scatter', 'mode': 'markers+text', 'name': family, 'x': [_short(one['gap']) for one in part],
             'y': [_short(one['gain']) for one in part], 'hovertext': [name_of(one) for one in part],
             'text': [class_name(one['name']) if one in named else '' for one in part], 'textposition': 'top center',
             'marker': {'size': 9, 'color': f'var(--part-{number % PART_STYLES + 1})'},
             'hovertemplate': '%{hovertext}<br>teacher ahead by %{x:.3f}, won %{y:.3f}<extra></extra>'}
            for number, (family, part) in enumerate(_by_family(rated).items())]
    layout = {'xaxis': {'title': {'text': 'AP, teacher less student'}, 'zeroline': True},
              'yaxis': {'title': {'text': 'AP, distilled less student'}, 'zeroline': True}, 'hovermode': 'closest'}
    won, behind = (sum(one[key] * sign > 0 for one in rated) for key, sign in (('gain', 1), ('gap', -1)))
    where = (f'in {behind} the teacher is behind, left of 0, where marks below 0 are inherited weaknesses' if behind
             else 'nowhere is the teacher behind')
    caption = f'A mark is a slice; above 0 distillation helped: in {won} of {len(rated)}; {where}.'
    figure = {'data': data, 'layout': layout}
    numbers = Table(['slice', 'teacher ahead by', 'won'], [[name_of(one), one['gap'], one['gain']] for one in rated])
    return Chart('What distillation won, by how far the teacher is ahead', figure, caption, 400, numbers)


def _by_family(rated: Sequence[Found]) -> dict[str, list[Found]]:
    families: dict[str, list[Found]] = {}
    for one in rated:
        families.setdefault(one['family'], []).append(one)
    return families


def _verdict(found: Found, rated: Sequence[Found]) -> str:
    inherited = [one for one in rated if one['finding'] == INHERITED]
    sure = [one for one in inherited if (one['share_inherited'] or 0) >= SURE and one['scenes'] >= FEW_SCENES]
    unsure = [one for one in inherited if one not in sure]
    text = (f'Inherited weaknesses: {listed(list(map(name_of, sure)))}.' if inherited else
            'No weakness is inherited: in no slice are teacher and distilled student both below the student.')
    if unsure:
        text += (f' Perhaps mere noise (from fewer than {FEW_SCENES} scenes, or in less than {100 * SURE:.0f} % of the '
                 f'resamples): {listed(list(map(name_of, unsure)))}.')
    if found.get('correlation') is not None:
        scenes = max(one['scenes'] for one in rated)
        interval = found.get('interval') if scenes >= FEW_SCENES else None  # of fewer it may not even hold the value
        text += (f' Rank correlation of the lead of the teacher and what was won, over {found["compared"]} slices: '
                 f'{signed(found["correlation"], 2)}{f" (95 %: {between(interval, 2)})" if interval else ""}. Both are '
                 'differences from the same student, whose luck moves it up: compare several seeds.')
    return text


def _bias_table(rated: Sequence[Found]) -> Table:
    rows = [[name_of(one), one['boxes'], one['scenes'], *(one['ap'][model] for model in MODELS), one['gain'],
             between(one['gain_interval'] if one['scenes'] > 1 else None), one['finding']] for one in rated]
    columns = ['slice', 'boxes', 'scenes', *MODELS, 'won', '95 % of it', 'finding']
    return Table(columns, rows, 'AP of the three models in every slice, mean over the classes that have boxes enough.',
                 align=('left', *['right'] * 7, 'left'), folded=True)


def _slices(runs: RunSet, path: Path, found: Found) -> list[Block]:
    results = Path(str(found['meta'].get('results', '')))
    title = next((run.method or run.title for run in runs.runs if run.results and run.results.parts[-2:] ==
                  results.parts[-2:]), results.parent.name or path.parent.name)
    rated = [one for one in found['slices'] if one['ap'] is not None]
    if not rated:
        return []
    whole = all(one['ap_interval'] for one in rated)
    low, high = ([one['ap_interval'][end] for one in rated] if whole else None for end in (0, 1))
    series = Series(title, list(map(name_of, rated)), [one['ap'] for one in rated], low=low, high=high,
                    model=runs.models.index(title) if title in runs.models else None)
    weakest = min(rated, key=lambda one: one['ap'])
    chart = bars(f'AP by slice: {title}', [series], value='AP', horizontal=True,
                 caption=f'Weakest: {name_of(weakest)} ({weakest["ap"]:.3f}).'
                         f'{" Whiskers: 95 % of scenes drawn again." if whole else ""}')
    rows = [[name_of(one), one['boxes'], one['scenes'], one['ap'], between_plain(one['ap_interval'])] for one in rated]
    return [chart, Table(['slice', 'boxes', 'scenes', 'AP', '95 %'], rows, f'Slices of {title}.',
                         align=('left', 'right', 'right', 'right', 'right'), folded=True)]


def between_plain(ends: Sequence[float] | None) -> str:
    """An interval of a number that is never below 0."""
    return f'{ends[0]:.3f} to {ends[1]:.3f}' if ends else '\u2013'


def _short(value: float) -> float:
    return round(value, 4)
