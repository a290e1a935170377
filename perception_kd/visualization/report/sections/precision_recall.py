"""Precision over recall, by class and matching distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perception_kd.structures.classes import NUSCENES_CLASSES
from perception_kd.visualization.report.blocks import Block, Chart, Choice, Multiples, Section
from perception_kd.visualization.report.charts import Series, precision_recall
from perception_kd.visualization.report.runs import Run, RunSet
from perception_kd.visualization.report.words import class_name, sentence

_LEAD = ('The precision at each recall as the devkit has it. Of a class, the area above both 10 % marks makes the AP. '
         'Where its curve ends, the model never finds the rest, at any score; the mean of the classes counts it as 0 '
         'from there on.')
_EVERY = 2  # of the devkit's 101 recalls


def section(runs: RunSet) -> Section | None:
    """Curves of the first seed of each method; None where no details were kept."""
    kept = [one.runs[0] for one in runs.methods if one.runs[0].details]
    classes, distances = _keys(kept)
    if not classes:
        return None

    def panel(title: str, names: Sequence[str]) -> tuple[str, list[Block]]:
        charts = [_chart(f'within {distance:g} m', runs, kept, names, distance) for distance in distances]
        return title, [Multiples(charts, f'{sentence(title)}, by how far apart the centres of a match may lie.')]

    whole = panel('mean of the classes', classes)
    choice = Choice('Class', [whole, *(panel(class_name(name), [name]) for name in classes)])
    blocks = [choice] if len(classes) > 1 else whole[1]
    return Section('precision-recall', 'Precision and recall', _LEAD, blocks)


def _keys(kept: Sequence[Run]) -> tuple[list[str], list[float]]:
    """Classes that are present, and distances, as ``<class>:<distance>`` names them."""
    parts = [key.rpartition(':') for run in kept for key in run.details]
    present = {name for run in kept for name in (run.summary or {}).get('classes_present', NUSCENES_CLASSES)}
    names = {name for name, mark, _ in parts if mark}
    return ([name for name in NUSCENES_CLASSES if name in names & present],
            sorted({float(distance) for _, mark, distance in parts if mark}))


def _chart(title: str, runs: RunSet, kept: Sequence[Run], classes: Sequence[str], distance: float) -> Chart:
    series = []
    for run in kept:
        curves = [curve for name in classes if (curve := run.details.get(f'{name}:{distance}')) is not None]
        if curves:
            precision = np.mean([curve['precision'] for curve in curves], axis=0)
            series.append(Series(run.method or run.title, list(curves[0]['recall'][::_EVERY]),
                                 precision[::_EVERY].tolist(), runs.position(run)))
    return precision_recall(title, series, height=280)
