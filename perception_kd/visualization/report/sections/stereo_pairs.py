"""Pictures one by one: how the errors are spread, and the pairs where distillation helped, hurt, and nothing helps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perception_kd.cli import one_line
from perception_kd.visualization.report.blocks import Block, Chart, Finding, Gallery, Picture, Section, Table
from perception_kd.visualization.report.charts import Series, colour_of, lines
from perception_kd.visualization.report.runs import STEREO, RunSet
from perception_kd.visualization.report.stereo.cast import BEST, HELPED, HURT, WORST, Cast, choose_cast
from perception_kd.visualization.report.stereo.drawn import PairDrawer, can_draw
from perception_kd.visualization.report.stereo.figures import by_picture, tested_on
from perception_kd.visualization.report.stereo.tables import REGIONS, unit_of
from perception_kd.visualization.report.words import decimal, signed

MOST_ROWS, MOST_MARKS = 300, 1500
_KINDS = {HELPED: 'Where distillation helped most', HURT: 'Where distillation hurt most',
          WORST: 'Where it is worst', BEST: 'Where it is best'}


def section(runs: RunSet) -> Section | None:
    """None where nothing of stereo was scored."""
    cast = choose_cast(runs) if runs.task == STEREO else None
    if cast is None:
        return None
    choices = cast.choose()
    blocks: list[Block] = [_scatter(runs, cast, choices)] if cast.plain else []
    blocks += [_spread(runs, cast), _table(cast), *_pictures(cast, choices)]
    return Section('pairs', 'Pair by pair', _lead(cast), blocks)


def _lead(cast: Cast) -> str:
    which = f'“{cast.main.title}” beside “{cast.plain.title}”' if cast.plain else f'“{cast.main.title}”'
    return (f'{which} on each picture of “{cast.dataset}”, by {cast.figure} over pixels {REGIONS[cast.region]}. The '
            'pairs that are drawn are extremes by choice, not typical ones.')


def _scatter(runs: RunSet, cast: Cast, choices: Sequence[tuple[str, str]]) -> Chart:
    """A mark for each picture: the figure without distillation across, with it up."""
    old, new = cast.values[cast.plain.title], cast.values[cast.main.title]
    kept = list(dict.fromkeys([*(name for _, name in choices), *list(new)[:MOST_MARKS]]))
    top = 1.06 * max([*old.values(), *new.values(), 1e-3])
    data = [{'type': 'scatter', 'mode': 'lines', 'x': [0, top], 'y': [0, top], 'name': 'no difference',
             'line': {'color': 'var(--muted)', 'width': 1, 'dash': 'dot'}, 'hoverinfo': 'skip'}]
    better = [name for name in kept if new[name] < old[name]]
    for run, names, words, side in ((cast.main, better, 'better with distillation', 'bottom'), (
            cast.plain, [name for name in kept if name not in set(better)], 'not better with it', 'top')):
        data.append({
            'type': 'scatter', 'mode': 'markers+text', 'name': words, 'x': [round(old[name], 4) for name in names],
            'y': [round(new[name], 4) for name in names], 'text': [_letter(choices, name) for name in names],
            'textposition': f'{side} center', 'marker': {'size': 8, 'color': colour_of(runs.position(run))},
            'hovertext': names,
            'hovertemplate': f'%{{hovertext}}<br>{cast.figure} %{{x:.2f}} without, %{{y:.2f}} with<extra></extra>'})
    unit = f'{cast.figure}, {unit_of(cast.figure)}'
    layout = {'xaxis': {'title': {'text': f'{unit}: {cast.plain.title}'}, 'range': [-0.03 * top, top]},
              'yaxis': {'title': {'text': f'{unit}: {cast.main.title}'}, 'range': [-0.03 * top, top]},
              'hovermode': 'closest'}
    apart = np.array([new[name] - old[name] for name in new])
    caption = (f'A mark is a pair; below the line distillation helped. It helped in {int((apart < 0).sum())} of '
               f'{len(apart)} pairs and hurt in {int((apart > 0).sum())}; the mean change of {cast.figure} is '
               f'{signed(apart.mean(), 2)} {unit_of(cast.figure)}. Letters are those of the pictures below.')
    table = Table(['pair', cast.plain.title, cast.main.title], [
        [f'{_letter(choices, name)}: {name}', old[name], new[name]] for _, name in choices], 'Those that are drawn.')
    return Chart(f'{cast.figure} pair by pair, without distillation and with it', {'data': data, 'layout': layout},
                 caption, 420, table)


def _spread(runs: RunSet, cast: Cast) -> Chart:
    """Pictures in the order of their errors, for every model."""
    series = []
    for method in tested_on(runs, cast.dataset):
        run = next(run for run in method.runs if cast.dataset in run.tested)
        values = sorted(by_picture(run, cast.dataset, cast.figure, cast.region).values())
        share = [100 * (place + 0.5) / len(values) for place in range(len(values))]
        series.append(Series(method.title, share, values, runs.models.index(method.title)))
    return lines(f'How {cast.figure} is spread over the pictures', series, x='% of the pictures, best first',
                 y=f'{cast.figure}, {unit_of(cast.figure)}', range_y=(0, None), height=320,
                 caption='The middle is the median picture. A line that is low and then rises is good at most pictures '
                 'and lost on a few.')


def _table(cast: Cast) -> Table:
    """Every picture, the worst first."""
    main = cast.values[cast.main.title]
    names = sorted(main, key=main.__getitem__, reverse=True)
    rows = [[name, *(cast.values[run.title][name] for run in cast.shown)] for name in names[:MOST_ROWS]]
    rest = f', the {MOST_ROWS} worst of {len(names)}' if len(names) > MOST_ROWS else ''
    return Table([f'pair of {cast.dataset}', *(run.title for run in cast.shown)], rows,
                 f'{cast.figure} of every pair in {unit_of(cast.figure)}{rest}.', digits=2, folded=True)


def _pictures(cast: Cast, choices: Sequence[tuple[str, str]]) -> list[Block]:
    shown = [run for run in cast.shown if can_draw(run.tested[cast.dataset])]
    if cast.main not in shown or not choices:
        return []
    try:
        drawer = PairDrawer(dataset=cast.dataset, runs=shown)
        drawn = [drawer.draw(name) for _, name in choices]
    except (ValueError, OSError) as error:
        return [Finding('notice', 'The pictures of these pairs could not be drawn', one_line(error))]
    alt = f'Left picture and truth; disparity and errors of {", ".join(run.title for run in shown)}'
    pictures = [Picture(data, alt, _caption(cast, *choice), 'jpeg') for data, choice in zip(drawn, choices)]
    return [Gallery(pictures, 'Above disparity, near is bright; below its errors, blue is right, red is off by more '
                    'than 2 px. Click a picture to see it large.')]


def _caption(cast: Cast, kind: str, name: str) -> str:
    both = ' for both' if cast.plain and kind in (WORST, BEST) else ''
    values = ', '.join(f'{run.title} {decimal(cast.values[run.title][name], 2)}' for run in cast.shown)
    return f'{_KINDS[kind]}{both}: `{name}`. {cast.figure} in {unit_of(cast.figure)}: {values}.'


def _letter(choices: Sequence[tuple[str, str]], name: str) -> str:
    return next((chr(ord('a') + place) for place, (_, one) in enumerate(choices) if one == name), '')
