"""Differences from the files that a comparison left, without configs, data or checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from perception_kd.comparison.differences.chart import Row
from perception_kd.comparison.intervals.section import FILE, read_intervals
from perception_kd.comparison.runs import read_result
from perception_kd.comparison.table import check_paired, paired
from perception_kd.files import require_folder


def kept_rows(folder: Path, reference: str, metric: str, titles: Mapping[str, str] | None = None) -> list[Row]:
    """A row a method; intervals over frames are those of ``intervals.json`` beside the runs.

    Args:
        folder: With ``NAME-seedS.json``.
        reference: Method that the others are compared with.
        metric: Of which.
        titles: Methods in order with what to call them; none: all but the reference, by name.

    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: No such folder or file in it, a damaged one, runs that are
            not paired, an unknown method or metric.
    """
    files = sorted(require_folder(folder, 'folder of a comparison').glob('*-seed*.json'))
    results = [read_result(path) for path in files]
    if not results:
        raise FileNotFoundError(f'{folder} holds no run of tools/compare.py (NAME-seedS.json)')
    check_paired(results)
    names = sorted({one['name'] for one in results})
    titles = titles or {name: name for name in names if name != reference}
    unknown = sorted({reference, *titles} - set(names))
    if unknown:
        raise ValueError(f'{folder} has no method {", ".join(unknown)}; there are: {", ".join(names)}')
    frames = {key[0]: row['over_frames'] for key, row in read_intervals(folder / FILE).items()
              if key[1:] == (reference, metric)}
    found = {name: paired(results, reference, name, metric) for name in titles}
    rows = [Row(titles[name], one, frames.get(name)) for name, one in found.items() if math.isfinite(one.mean)]
    if not rows:
        raise ValueError(f'{folder}: no method has {metric} with a seed of {reference}; metrics are: '
                         + ', '.join(sorted({key for one in results for key in one['metrics']})))
    return rows
