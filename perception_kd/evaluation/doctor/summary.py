"""What the numbers of a summary alone look like. Weaker than an examination: nothing can be tried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perception_kd.evaluation.doctor.causes import CAUSES
from perception_kd.evaluation.doctor.finding import Finding

FOUND = 0.1
"""AP of a class from which on its errors mean something; the devkit gives 1 where it finds nothing."""
LONGISH = ('car', 'truck', 'bus', 'trailer', 'motorcycle', 'bicycle')
SWAPPED = (0.55, 0.92, 0.84)
"""Scale error of longish boxes whose width and length are swapped: 1 - 1 / (2 l / w - 1), 0.74 for cars and 0.86 for
trailers. Least and most of a class, most of the mean: halved sizes give 0.875 everywhere."""
QUARTER = 1.2
"""rad: a mean above it beside swapped sides is the old convention, whose headings are about a quarter turn off."""
CLASSES = 2

_ASK = 'run tools/evaluate.py doctor on the result file, which can tell for certain'


def examine_summary(summary: Mapping[str, Any]) -> list[Finding]:
    """Known signatures in a ``metrics_summary.json``, of this package or of nuscenes-devkit.

    All findings are warnings.

    Raises:
        ValueError: not a summary of the detection metrics.
    """
    try:
        aps, errors = summary['mean_dist_aps'], summary['label_tp_errors']
        found = [name for name, value in aps.items() if value >= FOUND]
        table = {key: {name: float(errors[name][key]) for name in found} for key in (
            'scale_err', 'orient_err', 'attr_err')}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f'not a metrics_summary.json of the detection metrics ({type(error).__name__}: '
                         f'{error})') from None
    return [*_none(summary), *_boxes(table, [name for name in LONGISH if name in found]), *_attributes(table, found)]


def _none(summary: Mapping[str, Any]) -> list[Finding]:
    if summary.get('num_pred', 1) != 0:
        return []
    return [_finding('no_predictions', 'num_pred is 0: no prediction within the range of its class', ())]


def _boxes(table: Mapping[str, Mapping[str, float]], longish: Sequence[str]) -> list[Finding]:
    if len(longish) < CLASSES:
        return []
    scale = np.array([table['scale_err'][name] for name in longish])
    turn = np.array([table['orient_err'][name] for name in longish])
    swapped = bool((scale >= SWAPPED[0]).all() and (scale <= SWAPPED[1]).all() and scale.mean() <= SWAPPED[2])
    quarter = turn.mean() >= QUARTER
    text = f'mean ASE {scale.mean():.2f} and mean AOE {turn.mean():.2f} over longish classes that are found'
    if swapped:
        return [_finding('old_convention' if quarter else 'size_swapped', text, longish)]
    return [_finding('yaw_reversed', text, longish)] if (turn >= 2.5).all() else []


def _attributes(table: Mapping[str, Mapping[str, float]], found: Sequence[str]) -> list[Finding]:
    values = [table['attr_err'][name] for name in found if np.isfinite(table['attr_err'][name])]
    if len(values) < CLASSES or min(values) < 0.999:
        return []
    return [_finding('attributes_missing', f'AAE is 1 in all {len(values)} classes that are found', ())]


def _finding(code: str, evidence: str, classes: Sequence[str]) -> Finding:
    _, cause, cure = CAUSES[code]
    return Finding(code, 'warning', f'this looks as if {cause[0].lower()}{cause[1:]}', f'{_ASK}; {cure}', evidence,
                   tuple(classes))
