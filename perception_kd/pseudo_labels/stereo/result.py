"""What is made of all labelled pairs: the list that trains a student, and what share of the pairs is kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.files import write_bytes, write_json
from perception_kd.provenance import commit
from perception_kd.pseudo_labels.queue import Summary
from perception_kd.pseudo_labels.stereo.label_files import DECODERS
from perception_kd.visualization.movie import png_bytes
from perception_kd.visualization.palette import FAINT_INK
from perception_kd.visualization.sheet import Sheet

PAIRS, REPORT, CURVE = 'pairs.jsonl', 'labels.json', 'keep_rate.png'
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(20))
"""Shares of trusted pixels, of the curve over the keep rule."""
_KNOWN = ('focal', 'baseline', 'doffs')
_COLOURS = ('#0072b2', '#e69f00', '#009e73')  # Okabe and Ito, told apart by all eyes
_WIDTH, _HEIGHT = 640, 420

Row = Mapping[str, Any]


def write_result(out: Path, summary: Summary, *, encoding: str, keep: float, settings: Mapping[str, Any],
                 ) -> dict[str, Any]:
    """Write ``pairs.jsonl``, ``labels.json`` and ``keep_rate.png``.

    Args:
        out: Folder of the labels.
        summary: Of the queue.
        encoding: Of the disparity.
        keep: Share of the keep rule.
        settings: Told in ``labels.json``, with the version of this project.

    Returns:
        What ``labels.json`` holds.
    """
    kept = {key: row for key, row in summary.rows.items() if row['kept']}
    lines = [json.dumps(_line(key, row, encoding)) for key, row in kept.items()]
    write_bytes(out / PAIRS, ''.join(f'{line}\n' for line in lines).encode())
    curves = keep_rates(list(summary.rows.values()))
    report = dict(pairs=len(summary.rows), kept=len(kept), failed=dict(summary.failed), reasons=_reasons(summary.rows),
                  keep_rate=dict(share=THRESHOLDS, kept=curves), settings={**settings, 'commit': commit()})
    write_json(out / REPORT, report)
    if curves:
        write_bytes(out / CURVE, png_bytes(draw_curves(curves, keep)))
    return report


def keep_rates(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Share of the pairs that each share of :data:`THRESHOLDS` would keep: by name of the bound of normals.

    Pairs that were refused unseen count as not kept; without a monocular net there is one curve, ``all tests``.
    """
    judged = [row for row in rows if 'share' in row]
    names = dict.fromkeys(name for row in judged for name in row['shares'])
    shares = {f'{name} degrees': [row['shares'].get(name, 0.0) for row in judged] for name in names}
    if not shares and judged:
        shares = {'all tests': [row['share'] for row in judged]}
    return {name: [round(float(np.sum(np.array(values) > bound)) / len(rows), 5) for bound in THRESHOLDS]
            for name, values in shares.items()}


def draw_curves(curves: Mapping[str, Sequence[float]], keep: float) -> np.ndarray:
    """Picture (H, W, 3) of kept pairs over the share of trusted pixels that is asked for; a line at the rule's."""
    sheet = Sheet(width=_WIDTH, height=_HEIGHT)
    axes = sheet.axes(70, 50, _WIDTH - 100, _HEIGHT - 110)
    axes.set_axis_on()
    for (name, rates), colour in zip(curves.items(), _COLOURS):
        axes.plot(np.array(THRESHOLDS) * 100, np.array(rates) * 100, color=colour, label=name, linewidth=2)
    axes.axvline(100 * keep, color=FAINT_INK, linestyle=':', linewidth=1)
    axes.set(xlim=(0, 100), ylim=(0, 102), xlabel='trusted pixels a pair must have, %', ylabel='pairs kept, %')
    axes.set(xticks=range(0, 101, 20), yticks=range(0, 101, 20))
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False, title='normals within' if len(curves) > 1 else None)
    sheet.text(70, 26, 'What the keep rule keeps', size=12, weight='bold')
    return sheet.pixels()


def _line(key: str, row: Row, encoding: str) -> dict[str, Any]:
    """Of the list that ``StereoDataset`` reads."""
    return dict(left=row['left'], right=row['right'], disp=row['disp'], mask=row['mask'], decoder=DECODERS[encoding],
                scene=key, dataset='pseudo', **{name: row[name] for name in _KNOWN if name in row})


def _reasons(rows: Mapping[str, Row]) -> dict[str, int]:
    """How many pairs were left out for what, without the numbers."""
    return dict(Counter('too few trusted pixels' if 'share' in row else row['reason'].partition(':')[0]
                        for row in rows.values() if not row['kept']))
