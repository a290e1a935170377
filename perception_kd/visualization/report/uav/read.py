"""Figures of drone detectors as ``tools/test.py`` leaves them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.tables import read_json
from perception_kd.evaluation.uav.metric import METRICS_FILE, RESULTS_FILE
from perception_kd.visualization.report.runs import UAV, DataPlace, Run

TEST = 'test'
_DETECTOR = 'UAVDetector'
_AGAIN = 'score it again with tools/test.py, or move the file away'
_NEEDED: dict[str, type] = {'figures': dict, 'counts': dict, 'rules': dict, 'curve': dict, 'worst': list, 'name': str}


def has_drones(folder: Path) -> bool:
    """Whether figures of drones lie in a folder, or where ``tools/test.py`` puts them by default."""
    return any((folder / inner / METRICS_FILE).is_file() for inner in ('', TEST))


def is_uav(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether a run is of a drone detector, scored or not, distilled or not."""
    model = config.get('model') or {}
    inner = model.get('student') if model.get('type') == 'Distiller' else model
    return has_drones(folder) or str((inner or {}).get('type', '')).endswith(_DETECTOR)


def as_uav(run: Run) -> Run:
    """The run with its figures.

    Raises:
        ValueError: the file is damaged.
    """
    place = next((run.folder / inner for inner in ('', TEST) if (run.folder / inner / METRICS_FILE).is_file()), None)
    if place is None:
        return replace(run, task=UAV)
    found = _read(place / METRICS_FILE)
    results = place / RESULTS_FILE
    stamp = found.get('stamp')
    split = Path(found.get('annotations') or '').stem
    return replace(run, task=UAV, drones={**found, 'results': results if results.is_file() else None},
                   metrics={name: math.nan if value is None else float(value)
                            for name, value in found['figures'].items()},
                   data=DataPlace(version=found['name'], split=split, world=stamp if isinstance(stamp, str) else ''))


def _read(path: Path) -> dict[str, Any]:
    found = read_json(path, _AGAIN)
    lacking = [name for name, kind in _NEEDED.items() if not isinstance(found, dict)
               or not isinstance(found.get(name), kind)]
    numbers = found['figures'].values() if not lacking else ()
    if lacking or not all(value is None or isinstance(value, (int, float)) for value in numbers):
        raise ValueError(f'{path} is damaged: no {", ".join(lacking) or "numbers among its figures"}; {_AGAIN}')
    return found
