"""What a training has logged, as curves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_PLACE = ('iter', 'step')


@dataclass(frozen=True)
class Curve:
    """One logged value.

    Args:
        steps: ``(N,)`` int64, rising: iterations; of a validation what its loop counts (epochs, mostly).
        values: ``(N,)`` float64; NaN where that was logged.
    """

    steps: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)


Curves = Mapping[str, Curve]


def read_scalars(folder: Path) -> tuple[Curves, Curves]:
    """Curves of training and of validation in a run's folder, over all its beginnings.

    A training that went on from a checkpoint logs into a folder of its own; steps that it took again replace the
    earlier ones. The last line of a file may be cut off: its run was killed or is still writing.

    Raises:
        ValueError: a file is damaged.
    """
    files = sorted(folder.glob('*/vis_data/scalars.json'))
    parts = [_read_lines(path) for path in files]
    return (_curves(_joined([[row for row in rows if 'iter' in row] for rows in parts])),
            _curves(_joined([[row for row in rows if 'iter' not in row] for rows in parts])))


def _read_lines(path: Path) -> list[dict[str, Any]]:
    lines, rows = path.read_bytes().splitlines(), []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or not isinstance(row.get('step'), int):
                raise ValueError('no step')
            rows.append(row)
        except ValueError as error:
            if number < len(lines):
                raise ValueError(f'{path} is damaged: line {number} is no log entry ({error}); move it away to report '
                                 'without it') from None
    return rows


def _joined(parts: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """All rows; a later part's first step ends what an earlier one says."""
    rows: list[dict[str, Any]] = []
    for part in parts:
        if part:
            rows = [row for row in rows if row['step'] < part[0]['step']] + part
    return rows


def _curves(rows: list[dict[str, Any]]) -> dict[str, Curve]:
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name not in _PLACE and isinstance(value, (int, float)):
                found.setdefault(name, []).append((row['step'], value))
    return {name: Curve(np.array([step for step, _ in pairs], np.int64), np.array([value for _, value in pairs], float))
            for name, pairs in found.items()}
