"""What distillation adds: each pair's share of the losses, its weight and where it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perception_kd.visualization.report.blocks import Block, Cell, Choice, Multiples, Section, Table
from perception_kd.visualization.report.charts import Series, areas, bars, lines
from perception_kd.visualization.report.runs import Run, RunSet
from perception_kd.visualization.report.words import count

SHARE, WEIGHT, COVER, LOSS = 'share.', 'weight.', 'cover.', 'loss_distill.'
TASK = 'task'


def section(runs: RunSet) -> Section | None:
    """Of each distilled method's first seed; None where no pair was logged."""
    distilled = [one.runs[0] for one in runs.methods if pairs_of(one.runs[0])]
    if not distilled:
        return None
    blocks: list[Block] = []
    if len(distilled) > 1:
        blocks.append(_side_by_side(distilled))
    panels = [(run.method or run.title, _charts(run)) for run in distilled]
    blocks += [Choice('Model', panels)] if len(panels) > 1 else panels[0][1]
    return Section('shares', 'Distillation', _lead(distilled), blocks)


def pairs_of(run: Run) -> list[str]:
    """Names of the pairs whose shares were logged."""
    return [name.removeprefix(SHARE) for name in run.training if name.startswith(SHARE) and name != SHARE + TASK]


def _lead(distilled: Sequence[Run]) -> str:
    numbers = sorted({len(pairs_of(run)) for run in distilled})
    what = count(numbers[0], 'pair') if len(numbers) == 1 else f'{numbers[0]} to {numbers[-1]} pairs'
    who = 'The distilled student learns' if len(distilled) == 1 else 'Each distilled student learns'
    beside = 'and from no truth' if all(_late(run, SHARE + TASK) == 0 for run in distilled) else 'beside its task'
    return (f'{who} from {what} {beside}. A share is a part of the magnitudes of all losses: what the optimiser '
            'is asked to care about, not what helped.')


def _side_by_side(distilled: Sequence[Run]) -> Block:
    """All pairs together, at the end of training."""
    names = [run.method or run.title for run in distilled]
    totals = [100 * sum(_late(run, SHARE + pair) or 0.0 for pair in pairs_of(run)) for run in distilled]
    return bars('Share of all pairs together', [Series('pairs', names, totals)], value='% of all losses',
                horizontal=True, caption='Mean over the last quarter of training; the rest is the task.', digits=1)


def _charts(run: Run) -> list[Block]:
    pairs = pairs_of(run)
    shares = [Series(pair, steps, [100 * value for value in values]) for pair in pairs
              for steps, values in [_points(run, SHARE + pair)]]
    above = '' if _late(run, SHARE + TASK) == 0 else '; what lies above is the task'
    blocks: list[Block] = [areas('Shares of the pairs', shares, x='iteration', y='% of all losses', height=300,
                                 caption=f'Stacked{above}. A point is one iteration.')]
    small = []
    for start, title, y in ((LOSS, 'Losses of the pairs', 'loss'), (WEIGHT, 'Weights', 'weight'),
                            (COVER, 'Coverage of the masks', 'mean of the mask')):
        series = [Series(pair, *_points(run, start + pair)) for pair in pairs if start + pair in run.training]
        if series:
            small.append(lines(title, series, x='iteration', y=y, height=240, range_y=(0, None)))
    told = 'How large the pairs are, how they are weighted, and where they count.'
    return [*blocks, _table(run), *([Multiples(small, told)] if small else [])]


def _points(run: Run, name: str) -> tuple[list[int], list[float]]:
    curve = run.training[name]
    return curve.steps.tolist(), curve.values.tolist()


def _late(run: Run, name: str) -> float | None:
    """Mean over the last quarter of what was logged."""
    curve = run.training.get(name)
    return None if curve is None else float(np.mean(curve.values[-max(len(curve) // 4, 1):]))


def _table(run: Run) -> Table:
    """Who teaches whom, by what, and how much of it there was."""
    settings = (run.config.get('model') or {}).get('pairs') or {}
    rows: list[list[Cell]] = []
    for pair in pairs_of(run):
        one = settings.get(pair) or {}
        rows.append([pair, _text(one.get('teacher')), _text(one.get('student')), _kind(one.get('loss')),
                     _kind(one.get('connector')), _kind(one.get('mask')), _late(run, WEIGHT + pair),
                     _percent(run, SHARE + pair), _percent(run, COVER + pair)])
    head = ['Pair', 'Teacher', 'Student', 'Loss', 'Connector', 'Mask', 'Weight', 'Share, %', 'Coverage, %']
    return Table(head, rows, 'Which teacher tensor teaches which student tensor; weight, share and coverage are means '
                 'over the last quarter of training.', (), ('left',) * 6 + ('right',) * 3, (0,) * 6 + (2, 1, 1))


def _percent(run: Run, name: str) -> float | None:
    value = _late(run, name)
    return None if value is None else 100 * value


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ', '.join(f'{key}: {one}' for key, one in value.items())
    return ', '.join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or '\u2013')


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ', '.join(map(_kind, value))
    return str(value.get('type', '\u2013')) if isinstance(value, Mapping) else str(value or '\u2013')
