"""Differences from the files that a comparison left, without configs, data or checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from perception_kd.comparison.differences.chart import Row
from perception_kd.comparison.intervals.section import FILE, fits, read_intervals
from perception_kd.comparison.metrics import first_metric
from perception_kd.comparison.parts import Found
from perception_kd.comparison.runs import read_result
from perception_kd.comparison.table import check_paired, differs, paired
from perception_kd.files import require_folder


def kept_runs(folder: Path) -> list[Found]:
    """The runs of a comparison.

    Args:
        folder: With ``NAME-seedS.json``.

    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: No such folder, or no run in it; one that is damaged; runs
            that are not paired.
    """
    files = sorted(require_folder(folder, 'folder of a comparison').glob('*-seed*.json'))
    if not files:
        raise FileNotFoundError(f'{folder} holds no run of tools/compare.py (NAME-seedS.json)')
    results = [read_result(path) for path in files]
    check_paired(results)
    return results


def kept_rows(folder: Path, reference: str, metric: str | None = None,
              titles: Mapping[str, str] | None = None) -> tuple[str, list[Row]]:
    """The metric, and a row a method; intervals over frames are those of ``intervals.json``, where they fit.

    Args:
        folder: As for :func:`kept_runs`.
        reference: Method that the others are compared with.
        metric: Of which; None: what a comparison of such runs is about.
        titles: Methods in order with what to call them; none: all but the reference, by name.

    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: As of :func:`kept_runs`; an unknown method or metric; runs of
            several worlds or sets of labels.
    """
    results = kept_runs(folder)
    metric = metric or first_metric(results)
    names = sorted({one['name'] for one in results})
    titles = titles or {name: name for name in names if name != reference}
    unknown = sorted({reference, *titles} - set(names))
    if unknown:
        raise ValueError(f'{folder} has no method {", ".join(unknown)}; there are: {", ".join(names)}')
    if reference in titles:
        raise ValueError(f'{reference} is the reference; name the methods that are compared with it')
    chosen = [one for one in results if one['name'] in {reference, *titles}]
    for part, what in (('world', 'simulated worlds'), ('labels', 'sets of labels')):
        if len({str(one.get(part)) for one in chosen}) > 1:
            raise ValueError(f'{folder}: these methods are of several {what} and must not be compared; choose by '
                             '--methods')
    before = read_intervals(folder / FILE)
    rows = []
    for name, title in titles.items():
        found, frames = paired(results, reference, name, metric), before.get((name, reference, metric))
        if not math.isfinite(found.mean):
            metrics = ', '.join(sorted({key for one in chosen for key in one['metrics']}))
            raise ValueError(f'{folder}: {name} has no {metric} to compare with that of {reference}; leave it out by '
                             f'--methods, or choose another --metric: {metrics}')
        rows.append(Row(title, found, frames['over_frames'] if frames and fits(frames, found) else None,
                        differs(results, name)))
    if not rows:
        raise ValueError(f'{folder} holds no method but {reference}')
    return metric, rows
