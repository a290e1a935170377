"""Tables and bars of one data set of stereo: models, what is different, and where."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import stdev

from perception_kd.visualization.report.blocks import Block, Cell, Table
from perception_kd.visualization.report.charts import Series, bars
from perception_kd.visualization.report.runs import OTHER, TEACHER, RunSet
from perception_kd.visualization.report.stereo.figures import (
    EPE,
    Change,
    change,
    main_figure,
    region_of,
    same_rules,
    tested_on,
    value,
)
from perception_kd.visualization.report.stereo.sizes import all_times, size_of
from perception_kd.visualization.report.words import between, sentence, signed

REGIONS = {'noc': 'seen by both cameras', 'all': 'all with truth', 'occ': 'hidden from the right camera'}

_AVERAGES = {'image_mean': 'mean of the pictures', 'pixel_pool': 'all pixels together'}


def unit_of(figure: str) -> str:
    """``px`` or ``%``."""
    return 'px' if figure == EPE else '%'


def figures_of(runs: RunSet, dataset: str) -> list[str]:
    """EPE, the shares of bad pixels that all counted, D1."""
    rules = [run.tested[dataset].errors.protocol for run in runs.runs if dataset in run.tested]
    bounds = [f'BP-{bound:g}' for bound in rules[0].thresholds if all(bound in one.thresholds for one in rules)]
    return [EPE, *bounds, 'D1']


def data_set_blocks(runs: RunSet, dataset: str) -> list[Block]:
    """Models, what is different, and the regions."""
    return [_models(runs, dataset), *_differences(runs, dataset), *_regions(runs, dataset)]


def _models(runs: RunSet, dataset: str) -> Table:
    """Models down, size, time and figures across; columns that nobody fills are left out."""
    methods, region, names = tested_on(runs, dataset), region_of(runs, dataset), figures_of(runs, dataset)
    main, times = main_figure(runs, dataset), all_times(runs)
    sizes = [size_of(one.runs[0], runs, times) for one in methods]
    columns: dict[str, list[Cell]] = {
        'Model': [one.title for one in methods],
        'Seeds': [len(one.values(f'{dataset}/{main}_{region}')) for one in methods],
        **{f'{name}, {unit_of(name)}': [value(one, dataset, name, region) for one in methods] for name in names},
        f'Spread of {main}': [_spread(one.values(f'{dataset}/{main}_{region}')) for one in methods],
        'Parameters, M': [one.parameters and one.parameters / 1e6 for one in sizes],
        'GMAC': [one.macs and one.macs / 1e9 for one in sizes],
        'ms a pair': [one.seconds and 1e3 * one.seconds for one in sizes]}
    several = any(cell != 1 for cell in columns['Seeds'])
    known = {name: cells for name, cells in columns.items() if any(cell is not None for cell in cells)
             and (several or name != 'Seeds')}
    figures = {f'{name}, {unit_of(name)}' for name in names}
    teachers = sum(one.role == TEACHER for one in methods)
    digits = tuple({'GMAC': 2, 'ms a pair': 0}.get(name, 3 if name.startswith(EPE) else 2) for name in known)
    return Table(list(known), [list(row) for row in zip(*known.values())], _rules(runs, dataset, region),
                 tuple('min' if name in figures else None for name in known), (), digits,
                 apart=teachers if teachers < len(methods) else 0)


def _spread(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def _rules(runs: RunSet, dataset: str, region: str) -> str:
    """How the figures of a table came about."""
    rules = next(run.tested[dataset].errors.protocol for run in runs.runs if dataset in run.tested)
    split = next((one.split for run in runs.runs if (one := run.tested.get(dataset)) and one.split), '')
    parts = [f'{sentence(dataset)}{f", split {split}" if split else ""}: pixels {REGIONS[region]}, '
             f'{_AVERAGES[rules.aggregate]}{_below(rules.max_disp)}.',
             'EPE (end-point error) is the mean error of disparity; BP-x the share of pixels off by more than x px; D1 '
             'that of pixels off by more than 3 px and 5 %. Lower is better.']
    if not same_rules(runs, dataset):
        parts.append('Some were scored on other pictures or by other rules and must not be compared with the rest.')
    students = sum(one.role not in (TEACHER, OTHER) for one in tested_on(runs, dataset))
    return ' '.join([*parts, 'Bold: the best below the teacher.' if students > 1 else '']).strip()


def _below(max_disp: float | None) -> str:
    return '' if max_disp is None else f', true disparity below {max_disp:g} px'


def _differences(runs: RunSet, dataset: str) -> list[Block]:
    """Each student beside the baseline."""
    baseline = next((one for one in tested_on(runs, dataset) if one is runs.baseline_method), None)
    others = [one for one in tested_on(runs, dataset) if one.role != TEACHER and one is not baseline]
    if baseline is None or not others or not same_rules(runs, dataset):
        return []
    region, main = region_of(runs, dataset), main_figure(runs, dataset)
    figures, rows, found = list(dict.fromkeys((main, EPE))), [], []
    for one in others:
        changes = [change(one, baseline, dataset, figure, region) for figure in figures]
        cells = [cell for each in changes for cell in (signed(each.difference, 2), between(each.ends, 2))]
        rows.append([one.title, *cells, changes[0].reading])
        found.append(changes[0])
    head = [f'Against {baseline.title}', *(cell for place, figure in enumerate(figures) for cell in (
        f'Δ {figure}, {unit_of(figure)}', f'95 % interval{" " * place}')), f'Reading of {main}']
    align = ('left', *['right'] * (2 * len(figures)), 'left')
    return [Table(head, rows, f'{_told(found)} Below 0 is better.', (), align)]


def _told(found: Sequence[Change]) -> str:
    """How the intervals came about."""
    if any(one.seeds for one in found):
        return "Differences from the baseline, paired by seed, with Student's 95 % interval over the seeds."
    if not any(one.ends for one in found):
        return ('Differences from the baseline; there is no interval, which takes the same seeds and figures that are '
                'means of two pictures or more.')
    return ('Differences from the baseline with the 95 % interval of pictures drawn anew for both models alike: it '
            'knows the luck of the pictures, not that of the training.')


def _regions(runs: RunSet, dataset: str) -> list[Block]:
    """The main figure where both cameras see, everywhere, and where the right one does not."""
    figure, methods = main_figure(runs, dataset), tested_on(runs, dataset)
    known = [name for name in REGIONS if all(
        math.isfinite(value(one, dataset, figure, name)) for one in methods)]
    if len(known) < 2:
        return []
    series = [Series(one.title, [REGIONS[name] for name in known],
                     [value(one, dataset, figure, name) for name in known], runs.models.index(one.title))
              for one in methods]
    return [bars(f'{figure} by region', series, value=f'{figure}, {unit_of(figure)}', digits=2, height=300,
                 caption='What the right camera does not see can only be guessed from its surroundings.')]


def across_data_sets(runs: RunSet, names: Sequence[str]) -> list[Block]:
    """Models down, data sets across, as published tables have it."""
    if len(names) < 2:
        return []
    places = [(name, main_figure(runs, name), region_of(runs, name)) for name in names]
    methods = [one for one in runs.methods if any(run.tested for run in one.runs)]
    rows: list[list[Cell]] = [[one.title, *(value(one, *place) for place in places)] for one in methods]
    teachers = sum(one.role == TEACHER for one in methods)
    return [Table(['Model', *(f'{name}, {figure}' for name, figure, _ in places)], rows,
                  'One figure of each data set; the choice below has the rest. Lower is better.',
                  (None, *['min'] * len(places)), (), 2, apart=teachers if teachers < len(methods) else 0)]
