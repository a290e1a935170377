"""Differences from the baseline as a table, and as bars where they are many."""

from __future__ import annotations

import math
from collections.abc import Sequence

from perception_kd.evaluation.resampling.bootstrap import FEW_SCENES
from perception_kd.visualization.report.blocks import Block, Cell, Chart, Table
from perception_kd.visualization.report.charts import Series, bars
from perception_kd.visualization.report.differences import Against
from perception_kd.visualization.report.words import between, count, metric_title, sentence, signed

MOST_ROWS = 3
"""That a table alone tells apart."""
NDS = 'NDS'
HIGHER, LOWER, WITHIN, FEW = 'higher', 'lower', 'within the noise', 'too few scenes'


def difference_blocks(found: Sequence[Against], metric: str, baseline: str) -> list[Block]:
    """Nothing where there is nothing to compare.

    Args:
        found: Each method beside the baseline.
        metric: That the readings are about.
        baseline: Its title.
    """
    if not found:
        return []
    title = metric_title(metric)
    rows: list[list[Cell]] = [[one.method.title, *_cells(one, metric), *_cells(one, NDS), reading(one, metric)]
                              for one in found]
    head = [f'Against {baseline}', f'Δ {title}', '95 % interval', 'Δ NDS', '95 % interval ', f'Reading of {title}']
    table = Table(head, rows, _caption(found), (), ('left', *['right'] * 4, 'left'))
    return [table, *([_chart(found, metric, baseline)] if len(found) > MOST_ROWS else [])]


def reading(one: Against, metric: str) -> str:
    """What a difference may be called: ``HIGHER`` or ``LOWER`` where its interval leaves 0 out, else why not."""
    ends, difference = one.interval(metric), one.metrics[metric].difference
    if difference is None or ends is None:
        return 'no interval'
    if metric not in one.over_seeds and one.scenes < FEW_SCENES:
        return FEW
    if ends[0] > 0 or ends[1] < 0:
        return HIGHER if difference > 0 else LOWER
    return WITHIN


def _cells(one: Against, metric: str) -> tuple[str, str]:
    return signed(one.metrics[metric].difference), between(one.interval(metric))


def _chart(found: Sequence[Against], metric: str, baseline: str) -> Chart:
    """The largest gain on top."""
    title = f'Δ {metric_title(metric)}'
    order = sorted(found, key=lambda one: one.metrics[metric].difference or 0.0, reverse=True)
    ends = [one.interval(metric) for one in order]
    low, high = ([pair[side] if pair else math.nan for pair in ends] if any(ends) else None for side in (0, 1))
    series = Series(title, [one.method.title for one in order], [one.metrics[metric].difference for one in order], None,
                    low, high)
    told = 'Whiskers are the intervals of the table above.' if any(ends) else ''
    return bars(f'{title} against {baseline}', [series], value=title, caption=told, horizontal=True)


def _caption(found: Sequence[Against]) -> str:
    if any(one.over_seeds for one in found):
        return "Differences from the baseline, paired by seed, with Student's 95 % interval over the seeds."
    scenes = next((one.scenes for one in found if one.scenes), 0)
    if not scenes:
        return ('Differences from the baseline; there is no interval, since result files that fit the metrics, or '
                'their data, are not here.')
    told = ('Differences from the baseline with the 95 % interval of scenes drawn anew for both models alike: it knows '
            'the luck of the scenes, not that of the training.')
    few = f' {sentence(count(scenes, "scene"))} are too few for it to be more than a hint.' if scenes > 1 else \
        ' Of a single scene nothing can be drawn anew.'
    return told + (few if scenes < FEW_SCENES else '')
