"""Metrics by class, by matching distance, and by the parts of the data that people ask for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean

import numpy as np

from perception_kd.evaluation.report import ERRORS
from perception_kd.evaluation.slices.scores import SliceScore
from perception_kd.structures.classes import NUSCENES_CLASSES
from perception_kd.visualization.report.blocks import (
    Block,
    Cell,
    Chart,
    Choice,
    Fold,
    Heading,
    Multiples,
    Section,
    Table,
)
from perception_kd.visualization.report.charts import Series, bars, heatmap, lines
from perception_kd.visualization.report.examined import FAMILIES, can_examine, examine_run
from perception_kd.visualization.report.runs import TEACHER, Method, Run, RunSet
from perception_kd.visualization.report.words import class_name, sentence, signed

MOST_BARS = 4
"""Models beside each other in a chart of bars; more are told apart better in a grid of numbers."""
_WHISKERS = ' Whiskers: 95 % of resampled scenes; a part that lies in one scene alone has none.'
_ERROR_NAMES = {'ATE': 'Translation error', 'ASE': 'Scale error', 'AOE': 'Orientation error', 'AVE': 'Velocity error',
                'AAE': 'Attribute error'}
_UNITS = {'ATE': 'm', 'ASE': '1 \u2212 IoU', 'AOE': 'rad', 'AVE': 'm/s', 'AAE': '1 \u2212 accuracy'}


def section(runs: RunSet) -> Section | None:
    """None where no model is scored."""
    scored = [one for one in runs.methods if any(run.scored for run in one.runs)]
    classes = [name for name in NUSCENES_CLASSES
               if any(math.isfinite(_value(one, f'{name}_AP')) for one in scored)]
    if not classes:
        return None
    blocks: list[Block] = [Heading('By class'), _chart_of_classes(runs, scored, classes),
                           *_tables_of_classes(runs, scored, classes), *_errors(scored, classes),
                           *_distances(runs, scored), *_slices(runs, scored)]
    return Section('metrics', 'Metrics in detail', '', blocks)


def _value(method: Method, metric: str) -> float:
    """Mean over the seeds; NaN where there is none."""
    known = [value for value in method.values(metric) if math.isfinite(value)]
    return mean(known) if known else math.nan


def _chart_of_classes(runs: RunSet, scored: Sequence[Method], classes: Sequence[str]) -> Chart:
    names = [class_name(name) for name in classes]
    if len(scored) > MOST_BARS:
        values = [[_value(one, f'{name}_AP') for name in classes] for one in scored]
        return heatmap('Average precision by class', rows=[one.title for one in scored], columns=names, values=values,
                       unit='AP')
    series = [Series(one.title, names, [_value(one, f'{name}_AP') for name in classes], runs.models.index(one.title))
              for one in scored]
    return bars('Average precision by class', series, value='AP')


def _tables_of_classes(runs: RunSet, scored: Sequence[Method], classes: Sequence[str]) -> list[Block]:
    """Classes down, models across, and the change that a single distilled model brings; a grid shows more models."""
    if len(scored) > MOST_BARS:
        return []
    counts, change = _truth(runs), _change(runs, scored)
    rows: list[list[Cell]] = []
    for name in classes:
        values = [_value(one, f'{name}_AP') for one in scored]
        delta = [signed(_value(change[1], f'{name}_AP') - _value(change[0], f'{name}_AP'))] if change else []
        rows.append([class_name(name), *([counts.get(name, 0)] if counts else []), *values, *delta])
    head = ['Class', *(['True boxes'] if counts else []), *(one.title for one in scored),
            *(['Change'] if change else [])]
    told = f' Change: {change[1].title} against {change[0].title}.' if change else ''
    return [Table(head, rows, f'AP, mean over the matching distances 0.5, 1, 2 and 4 m.{told}', (),
                  ('left', *['right'] * (len(head) - 1)))]


def _change(runs: RunSet, scored: Sequence[Method]) -> tuple[Method, Method] | None:
    """Baseline and the one other model that is no teacher, if there is one only."""
    others = [one for one in scored if one.role != TEACHER and one.title != runs.baseline]
    baseline = runs.baseline_method
    return (baseline, others[0]) if baseline in scored and len(others) == 1 else None


def _truth(runs: RunSet) -> Mapping[str, int]:
    """True boxes by class; empty where models were scored on different ones."""
    known = [run.summary['num_gt'] for run in runs.scored if run.summary and 'num_gt' in run.summary]
    return known[0] if known and all(one == known[0] for one in known) else {}


def _errors(scored: Sequence[Method], classes: Sequence[str]) -> list[Block]:
    """A table for each error of true positives; a class that it is not measured of is left out."""
    tables = []
    for short in ERRORS.values():
        known = [name for name in classes if any(math.isfinite(_value(one, f'{name}_{short}')) for one in scored)]
        if known:
            rows = [[class_name(name), *(_value(one, f'{name}_{short}') for one in scored)] for name in known]
            caption = f'{_ERROR_NAMES[short]}, in {_UNITS[short]}.'
            tables.append((short, [Table(['Class', *(one.title for one in scored)], rows, caption)]))
    return [Fold('Errors of true positives by class', [Choice('Error', tables)])] if len(tables) > 1 else []


def _distances(runs: RunSet, scored: Sequence[Method]) -> list[Block]:
    """How strict the match is: the mean over the classes present at each distance."""
    series = []
    for one in scored:
        found = [_by_distance(run) for run in one.runs if run.summary]
        if found and all(one.keys() == found[0].keys() for one in found) and found[0]:
            series.append(Series(one.title, list(found[0]), np.mean([list(one.values()) for one in found], 0).tolist(),
                                 runs.models.index(one.title)))
    if not series:
        return []
    chart = lines('Average precision by matching distance', series, x='centres lie at most so many metres apart',
                  y='mAP', markers=True, range_y=(0, None), height=320,
                  caption='Mean over the classes present. A steep rise: objects are found, but not placed well.')
    return [Heading('By matching distance'), chart]


def _by_distance(run: Run) -> dict[float, float]:
    averages = run.summary.get('label_aps') or {}
    present = [name for name in run.summary.get('classes_present', averages) if name in averages]
    distances = [float(distance) for distance in averages[present[0]]] if present else []
    return {distance: mean(list(averages[name].values())[place] for name in present)
            for place, distance in enumerate(distances)}


def _slices(runs: RunSet, scored: Sequence[Method]) -> list[Block]:
    """AP by distance from the car, light, weather, speed and visibility, where result files and data are here."""
    found: dict[str, Sequence[SliceScore]] = {}
    for one in scored:
        run = next((run for run in one.runs if can_examine(run)), None)
        try:
            if run is not None:
                found[one.title] = examine_run(run).slices
        except (OSError, ValueError):
            continue  # the findings say which file, and why
    charts = [chart for family in FAMILIES if (chart := _family(runs, family, found)) is not None]
    if not charts:
        return []
    drawn = any('error_y' in trace for chart in charts for trace in chart.figure['data'])
    told = f'AP, mean over the classes with 20 true boxes or more in the part.{_WHISKERS if drawn else ""}'
    return [Heading('By condition'), Multiples(charts, told)]


def _family(runs: RunSet, family: str, found: Mapping[str, Sequence[SliceScore]]) -> Chart | None:
    """One chart, if it has two parts or more to compare."""
    parts = {title: [one for one in scores if one.family == family] for title, scores in found.items()}
    names = list(dict.fromkeys(one.name for scores in parts.values() for one in scores if one.ap is not None))
    if len(names) < 2:
        return None
    series = []
    for title, scores in parts.items():
        known = {one.name: one for one in scores if one.ap is not None}
        chosen = [known.get(name) for name in names]
        series.append(Series(title, names, [one.ap if one else math.nan for one in chosen], runs.models.index(title),
                             *_whiskers(chosen)))
    boxes = {one.name: one.boxes for scores in parts.values() for one in scores}
    caption = f'True boxes: {", ".join(f"{name} {boxes[name]}" for name in names)}.'
    if len(series) > MOST_BARS:
        return heatmap(sentence(family), rows=[one.name for one in series], columns=names,
                       values=[list(one.y) for one in series], unit='AP', caption=caption)
    return bars(sentence(family), series, value='AP', caption=caption, height=280)


def _whiskers(chosen: Sequence[SliceScore | None]) -> tuple[list[float] | None, list[float] | None]:
    """Ends of the intervals, NaN where a part has none; None where no part has one."""
    if not any(one and one.ap_interval for one in chosen):
        return None, None
    ends = [one.ap_interval if one and one.ap_interval else (math.nan, math.nan) for one in chosen]
    return [low for low, _ in ends], [high for _, high in ends]
