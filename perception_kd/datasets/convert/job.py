"""The job around every converter: frames to processes, rows to tables, a report beside them."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.datasets.nuscenes.writer import NuScenesWriter
from perception_kd.files import write_json
from perception_kd.processes import run_unordered

REPORT_FILE = 'conversion.json'
Item = TypeVar('Item')


def convert_frames(work: Callable[[Item], tuple[SceneRows, Counter[str]]], frames: Sequence[Item], *,
                   out: str | Path, version: str, notes: dict[str, str], force: bool = False,
                   workers: int = 1) -> dict[str, Any]:
    """Convert every frame and write the tables; a failed conversion leaves no new folder behind.

    Args:
        work: Writes the files of a frame below ``out``; gives its rows and what it counted. A function of a module.
        frames: Its arguments, in the order of the tables.
        out: New data root.
        version: Name of the table folder.
        notes: What a user of the converted data has to know; kept in ``conversion.json``.
        force: Replace an earlier conversion.
        workers: Processes; the result does not depend on them.

    Returns:
        ``notes``, ``splits`` (scenes each) and ``counts``; also in ``conversion.json``.

    Raises:
        FileExistsError: a conversion is there and ``force`` is not given.
    """
    out = Path(out)
    writer = NuScenesWriter(out, version, force)
    is_new = not out.exists() or not any(out.iterdir())
    try:
        counts = _run(work, frames, writer, workers)
        report = {'notes': notes, 'splits': {name: len(scenes) for name, scenes in writer.splits.items()},
                  'counts': dict(sorted(counts.items()))}
        write_json(writer.finish() / REPORT_FILE, report)
    except BaseException:
        if is_new:
            shutil.rmtree(out, ignore_errors=True)
        raise
    return report


def _run(work: Callable, frames: Sequence, writer: NuScenesWriter, workers: int) -> Counter[str]:
    method = 'fork' if hasattr(os, 'fork') else 'spawn'
    results = run_unordered(partial(_numbered, work), enumerate(frames), workers=workers, method=method)
    progress = track(results, 'frames', total=len(frames), console=Console(stderr=True))
    found = dict(progress)
    counts: Counter[str] = Counter()
    for number in range(len(frames)):  # in this order, whatever the number of processes
        rows, counted = found.pop(number)
        writer.add(rows)
        counts.update(counted)
    return counts


def _numbered(work: Callable, pair: tuple[int, Any]) -> tuple[int, Any]:
    number, frame = pair
    return number, work(frame)
