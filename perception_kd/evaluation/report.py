"""A devkit summary as a flat dictionary of numbers and as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from perception_kd.structures.classes import NUSCENES_CLASSES

# The devkit's names and the ones that papers print.
MEAN_ERRORS = {'trans_err': 'mATE', 'scale_err': 'mASE', 'orient_err': 'mAOE', 'vel_err': 'mAVE',
               'attr_err': 'mAAE'}  # fmt: skip
ERRORS = {key: name[1:] for key, name in MEAN_ERRORS.items()}
METRICS = ('mAP', 'NDS', 'mAP_present', *MEAN_ERRORS.values(),
           *(f'{name}_{short}' for name in NUSCENES_CLASSES for short in ('AP', *ERRORS.values())))
"""Keys of :func:`flatten_summary`."""


def flatten_summary(summary: Mapping[str, Any]) -> dict[str, float]:
    """``mAP, NDS, mATE, .., mAP_present, <class>_AP, <class>_ATE, ..``; a class without truth has NaN errors.

    The devkit gives an absent class AP 0 and errors 1; here they are NaN, so that nobody reads a failure.
    """
    flat = dict(mAP=summary['mean_ap'], NDS=summary['nd_score'], mAP_present=summary['mean_ap_present'])
    flat.update({name: summary['tp_errors'][key] for key, name in MEAN_ERRORS.items()})
    for name, average in summary['mean_dist_aps'].items():
        present = summary['num_gt'][name] > 0
        flat[f'{name}_AP'] = average if present else math.nan
        for key, short in ERRORS.items():
            flat[f'{name}_{short}'] = summary['label_tp_errors'][name][key] if present else math.nan
    return {key: float(value) for key, value in flat.items()}


def format_summary(summary: Mapping[str, Any]) -> str:
    """Per-class table and the totals, as plain text."""
    flat = flatten_summary(summary)
    lines = [f'{"class":<22}{"truth":>7}' + ''.join(f'{name:>8}' for name in ('AP', *ERRORS.values()))]
    for name, count in summary['num_gt'].items():
        cells = [flat[f'{name}_AP'], *(flat[f'{name}_{short}'] for short in ERRORS.values())]
        lines.append(f'{name:<22}{count:>7}' + ''.join(_cell(value) for value in cells))
    lines.append('')
    lines.append(f'mAP over the {len(summary["classes_present"])} classes present {flat["mAP_present"]:.4f}, '
                 f'over all ten {flat["mAP"]:.4f}, NDS {flat["NDS"]:.4f}')
    lines.append('  '.join(f'{name} {flat[name]:.4f}' for name in MEAN_ERRORS.values()))
    lines.append(f'{summary["num_samples"]} samples, {sum(summary["num_gt"].values())} true and '
                 f'{summary["num_pred"]} predicted boxes in range')
    if summary['meta'].get('subset'):
        lines.append(f'not the official protocol: {summary["meta"]["subset"]}')
    if summary['meta'].get('world'):
        lines.append(f'simulated world {summary["meta"]["world"]}')
    if summary['meta'].get('engine') == 'fast':
        lines.append('computed by the fast engine; the official numbers are those of --engine devkit')
    return '\n'.join(lines)


def _cell(value: float) -> str:
    return f'{"-":>8}' if math.isnan(value) else f'{value:>8.3f}'
