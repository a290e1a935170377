"""Tables and charts of drone detectors side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean

from perception_kd.comparison.table import Paired
from perception_kd.evaluation.uav.rules import LOWER_IS_BETTER, NEGATIVES, SIDE_KEYS, SIDES
from perception_kd.visualization.report.blocks import Block, Cell, Chart, Table
from perception_kd.visualization.report.charts import Series, bars, precision_recall
from perception_kd.visualization.report.runs import TEACHER, Method, Run, RunSet
from perception_kd.visualization.report.words import between, signed

AVERAGES = ('AP', 'AP5090', 'AP50', 'AP75')
SIZES = {'AP_vt': 'very tiny, to 8 px', 'AP_t': 'tiny, 8–16 px', 'AP_s': 'small, 16–32 px', 'AP_m': 'medium, 32 px on'}
DEPLOYED = ('precision', 'recall', 'F1', NEGATIVES, 'best_F1', 'best_F1_score')
_BINS = [f'{low:g}–{high:g} px' if math.isfinite(high) else f'{low:g} px on' for low, high in SIDES]
_MOST = 4  # models beside each other in a chart of bars; a table shows the rest


def value(method: Method, figure: str) -> float:
    """Mean over the seeds; NaN where there is none."""
    known = [one for one in method.values(figure) if math.isfinite(one)]
    return mean(known) if known else math.nan


def scored(runs: RunSet) -> list[Method]:
    """Methods with figures."""
    return [one for one in runs.methods if any(run.scored for run in one.runs)]


def first_scored(method: Method) -> Run:
    """Its first run with figures."""
    return next(run for run in method.runs if run.scored)


def same_data(runs: RunSet) -> bool:
    """Whether all were scored on the same pictures by the same rules, and may be compared."""
    found = [run.drones for run in runs.scored if run.drones]
    return all(one['rules'] == found[0]['rules'] and one['counts'].get('images') == found[0]['counts'].get('images')
               and one.get('annotations_fingerprint') == found[0].get('annotations_fingerprint') for one in found)


def figure_table(runs: RunSet, figures: Sequence[str], caption: str) -> Table:
    """Models down, figures across; those of which nothing is known are left out."""
    methods = scored(runs)
    known = [name for name in figures if any(math.isfinite(value(one, name)) for one in methods)]
    rows: list[list[Cell]] = [[one.title, *(value(one, name) for name in known)] for one in methods]
    teachers = sum(one.role == TEACHER for one in methods)
    best = ('min' if name in LOWER_IS_BETTER else None if name == 'best_F1_score' else 'max' for name in known)
    return Table(['Model', *known], rows, caption, (None, *best), apart=teachers if teachers < len(methods) else 0)


def difference_table(runs: RunSet) -> list[Block]:
    """Each student beside the baseline, paired by seed."""
    baseline = runs.baseline_method
    others = [one for one in scored(runs) if one.role != TEACHER and one is not baseline]
    if baseline is None or not others or not same_data(runs):
        return []
    figures = ('AP', 'AP50', 'recall')
    rows: list[list[Cell]] = []
    for one in others:
        pairs = [_paired(one, baseline, figure) for figure in figures]
        rows.append([one.title, *(cell for each in pairs for cell in (
            signed(each.mean), between(each.interval) if each.differences else '\u2013'))])
    head = [f'Against {baseline.title}', *(cell for place, figure in enumerate(figures)
                                            for cell in (f'Δ {figure}', f'95 % interval{" " * place}'))]
    told = "Paired by seed, with Student's 95 % interval over the seeds; one seed has none, and decides nothing."
    return [Table(head, rows, told, (), ('left', *['right'] * (2 * len(figures))))]


def _paired(method: Method, baseline: Method, figure: str) -> Paired:
    mine, theirs = ({run.seed: run.metrics[figure] for run in one.runs if figure in run.metrics}
                    for one in (method, baseline))
    return Paired(tuple(amount - theirs[seed] for seed, amount in mine.items() if seed in theirs
                        and math.isfinite(amount) and math.isfinite(theirs[seed])))


def charts(runs: RunSet) -> list[Block]:
    """AP by size, recall by side, and precision over recall."""
    methods = scored(runs)
    counts = first_scored(methods[0]).drones.get('counts', {})
    sizes = _bars(runs, 'AP by size', list(SIZES), list(SIZES.values()), 'AP', counts,
                  "AI-TOD's sizes: the side is the root of a target's area in the original picture.")
    rules = first_scored(methods[0]).drones.get('rules', {})
    sides = _bars(runs, 'Recall by side of the target', list(SIDE_KEYS), _BINS, 'recall', counts,
                  f'At score {rules.get("score_thr", 0):g} and IoU {rules.get("iou_thr", 0):g}, as deployed.')
    return [*sizes, *sides, *_curves(runs)]


def _bars(runs: RunSet, name: str, figures: list[str], groups: list[str], amount: str, counts: dict[str, int],
          caption: str) -> list[Chart]:
    """Only groups with targets."""
    there = [place for place, figure in enumerate(figures) if any(
        math.isfinite(value(one, figure)) for one in scored(runs))]
    if not there:
        return []
    chosen = scored(runs)[:_MOST]
    named = [f'{groups[place]} ({counts.get(_counted(figures[place]), 0)})' for place in there]
    series = [Series(one.title, named, [value(one, figures[place]) for place in there], runs.models.index(one.title))
              for one in chosen]
    rest = f' The first {_MOST} models.' if len(scored(runs)) > _MOST else ''
    return [bars(name, series, value=amount, height=300, caption=f'{caption} In brackets how many targets.{rest}')]


def _counted(figure: str) -> str:
    return f'targets_{figure.removeprefix("AP_").removeprefix("recall_")}'


def _curves(runs: RunSet) -> list[Chart]:
    series = []
    for one in scored(runs):
        curve = first_scored(one).drones.get('curve') or {}
        if curve.get('recall') and all(amount is not None for amount in curve['recall']):
            series.append(Series(one.title, curve['recall'], curve['precision'], runs.models.index(one.title)))
    if not series:
        return []
    return [precision_recall('Precision over recall', series, height=340, caption='Every threshold of the score, at '
                             'the IoU of deployment. Where a curve ends, the model never finds the rest.')]
