"""Accuracy over latency, and where the time of a pair goes, of what ``tools/benchmark.py stereo`` has measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

from perception_kd.visualization.report.blocks import Block, Chart, Choice, Section, Table, Text
from perception_kd.visualization.report.charts import Series, bars, colour_of, dash_and_symbol
from perception_kd.visualization.report.runs import STEREO, RunSet
from perception_kd.visualization.report.stereo.figures import data_sets, main_figure, region_of, tested_on, value
from perception_kd.visualization.report.stereo.sizes import all_times, side_of
from perception_kd.visualization.report.stereo.tables import unit_of
from perception_kd.visualization.report.stereo.times import StereoTimes

STAGES = {'inputs': 'inputs', 'features': 'features', 'volume': 'cost volume', 'filter': 'cost filter',
          'context': 'context', 'refine': 'refinement', 'upsample': 'up-sampling', 'graph': 'graph', 'rest': 'rest'}
_PLACES = ('top center', 'middle right', 'middle left', 'bottom center')
"""Of the names: models with one network lie one above the other."""
LEAD = ('What accuracy costs: figures of the pairs above over the time of one pair. Distillation leaves the student as '
        'it is: the same network takes the same time.')


def section(runs: RunSet) -> Section | None:
    """None without a benchmark beside runs of stereo."""
    found = all_times(runs) if runs.task == STEREO else []
    if not found:
        return None
    panels = [(f'{one.width} x {one.height} px, {one.conditions}', _blocks(runs, one)) for one in found]
    titles = [title for title, _ in panels]
    panels = [(title if titles.count(title) == 1 else f'{title} ({place})', blocks)
              for place, (title, blocks) in enumerate(panels, 1)]
    return Section('speed', 'Accuracy and latency', LEAD, [Choice('Benchmark', panels)] if len(panels) > 1 else
                   panels[0][1])


def _blocks(runs: RunSet, times: StereoTimes) -> list[Block]:
    busy = ' The machine was busy with other work: read ratios, not milliseconds.' if times.busy else ''
    told = f'Pictures of {times.width} x {times.height} px; {times.conditions}.{busy}'
    return [*_tradeoff(runs, times), *_stages(times), _table(times), Text(told)]


def _tradeoff(runs: RunSet, times: StereoTimes) -> list[Chart]:
    """A mark for each method that was both scored and timed."""
    names = data_sets(runs)
    if not names:
        return []
    dataset, figure, region = names[0], main_figure(runs, names[0]), region_of(runs, names[0])
    data, rows = [], []
    for method in tested_on(runs, dataset):
        side = next((found for run in method.runs if (found := side_of(run, runs, times)) is not None), None)
        error = value(method, dataset, figure, region)
        if side is not None and math.isfinite(error):
            model = runs.models.index(method.title)
            data.append({'type': 'scatter', 'mode': 'markers+text', 'name': method.title, 'text': [method.title],
                         'x': [round(1e3 * side.median, 3)], 'y': [round(error, 4)],
                         'textposition': _PLACES[len(data) % len(_PLACES)],
                         'cliponaxis': False, 'hovertemplate': f'%{{x:.0f}} ms, {figure} %{{y:.2f}}',
                         'marker': {'size': 11, 'color': colour_of(model), 'symbol': dash_and_symbol(model)[1]}})
            rows.append([method.title, 1e3 * side.median, error])
    if len(data) < 2:
        return []
    slowest, fastest = (choose(row[1] for row in rows) for choose in (max, min))
    ends = [math.log10(fastest / 1.6), math.log10(1.6 * slowest)]
    layout = {'xaxis': {'title': {'text': 'ms a pair, median'}, 'type': 'log', 'range': ends,
                        'tickvals': _ticks(ends), 'tickformat': '~g'},
              'yaxis': {'title': {'text': f'{figure}, {unit_of(figure)}'}, 'range': [0, 1.2 * max(
                  row[2] for row in rows)]}, 'hovermode': 'closest'}
    table = Table(['model', 'ms a pair', f'{figure}, {unit_of(figure)}'], rows, '', digits=(0, 1, 2))
    caption = (f'Left and low is better. {figure} on {dataset}; the slowest takes {slowest / fastest:.1f} times as '
               'long as the fastest.')
    return [Chart('Accuracy over latency', {'data': data, 'layout': layout}, caption, 400, table)]


def _ticks(ends: Sequence[float]) -> list[float]:
    """1, 2 and 5 times powers of ten."""
    values = (step * 10.0**power for power in range(math.floor(ends[0]), math.ceil(ends[1])) for step in (1, 2, 5))
    return [one for one in values if 10 ** ends[0] <= one <= 10 ** ends[1]]


def _stages(times: StereoTimes) -> list[Chart]:
    """Of sides that have stages."""
    sides = [side for side in times.sides if set(side.stages) - {'total', 'rest', 'inputs', 'graph'}]
    if not sides:
        return []
    present = [stage for stage in STAGES if any(stage in side.stages for side in sides)]
    series = [Series(side.name, [STAGES[stage] for stage in present],
                     [1e3 * side.stages.get(stage, 0.0) for stage in present]) for side in sides]
    first = sides[0]
    longest = max((stage for stage in present if stage in first.stages), key=first.stages.__getitem__)
    share = 100 * first.stages[longest] / first.median
    return [bars('Time by stage', series, value='ms, median', horizontal=True, digits=1,
                 caption=f'Of {first.name}, the {STAGES[longest]} takes most: {share:.0f} %.')]


def _table(times: StereoTimes) -> Table:
    first = times.sides[0]
    rows = [[side.name, 1e3 * side.median, 1e3 * side.low, 1e3 * side.high, first.median / side.median,
             _in(side.parameters, 1e6), _in(side.macs, 1e9)] for side in times.sides]
    columns = ['side', 'ms, median', 'lower quartile', 'upper quartile', f'times as fast as {first.name}',
               'parameters, M', 'GMAC']
    return Table(columns, rows, 'Everything that was timed, turn by turn.', digits=(0, 1, 1, 1, 2, 2, 2))


def _in(amount: float | None, unit: float) -> float | None:
    return None if amount is None else amount / unit
