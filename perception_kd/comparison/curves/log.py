"""A run's validation figures by epoch, from its own log."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from perception_kd.comparison.parts import require_there
from perception_kd.engine.loops import validation_due
from perception_kd.engine.stages import METRIC_PREFIXES

SCALARS = 'scalars.json'
_BESIDE = ('time', 'data_time', 'step', 'memory')
Curve = dict[str, Any]


def check_validates(cfg: Config) -> None:
    """See that a run will have a curve, before it takes hours.

    Raises:
        ValueError: It counts no epochs, or looks at fewer than two of them.
    """
    loop = cfg.train_cfg
    if not loop.get('by_epoch', 'max_epochs' in loop) or not isinstance(loop.get('max_epochs'), int):
        raise ValueError(f'--curve: config {cfg.filename} counts iterations; curves are by epoch')
    looks = validated_epochs(cfg)
    if len(looks) < 2 or not cfg.get('val_dataloader'):
        raise ValueError(f'--curve: config {cfg.filename} is validated after {len(looks)} of its {loop.max_epochs} '
                         'epochs; add --cfg-options val_interval=1 train_cfg.val_begin=1 (and val_evaluator.engine='
                         'fast, which takes less time)')


def validated_epochs(cfg: Config) -> list[int]:
    """After which epochs, from 1, a config that counts them validates."""
    loop = cfg.train_cfg
    last, begin, interval = loop.max_epochs, loop.get('val_begin', 1), loop.get('val_interval', 1)
    return [epoch for epoch in range(1, last + 1) if validation_due(epoch, begin=begin, interval=interval, last=last)]


def read_curve(folder: Path | None, wanted: Sequence[int] = ()) -> Curve:
    """What a run's log says of all its attempts, the later one where two trained the same epoch.

    Args:
        folder: Of the run.
        wanted: Epochs that must have been validated: without the first ones a value would seem to be reached late,
            without the last one the end would be another.

    Returns:
        ``epochs`` (validated ones, rising), ``metrics`` (values by name, one an epoch, None where there is none), and
        ``seconds``: of training alone up to the end of each epoch, from the mean time of a step; None where the log
        has no steps.

    Raises:
        FileNotFoundError: The log is gone.
        ValueError: It has no validation, or not all.
    """
    logs = sorted(folder.glob(f'*/vis_data/{SCALARS}')) if folder is not None else []
    if not logs:
        require_there(None, SCALARS, f'its log (vis_data/{SCALARS})')
    steps: dict[int, Mapping[str, Any]] = {}
    looks: dict[int, dict[str, float | None]] = {}
    for path in logs:
        for line in _lines(path):
            if 'iter' in line:
                steps[line['iter']] = line
            elif metrics := _metrics(line):
                looks[line['step']] = metrics
    if not looks:
        raise ValueError(f'{logs[-1]} has no validation')
    missing = sorted(set(wanted) - set(looks))
    if missing:
        raise ValueError(f'{folder} has no log of the validation after epoch {", ".join(map(str, missing))}; put the '
                         'logs of all attempts into the folder and run the same command again')
    epochs = sorted(looks)
    seconds = _seconds_of_epoch(steps)
    names = dict.fromkeys(name for one in looks.values() for name in one)
    return dict(epochs=epochs, metrics={name: [looks[epoch].get(name) for epoch in epochs] for name in names},
                seconds=None if seconds is None else [round(epoch * seconds, 2) for epoch in epochs])


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The last one may be cut off, where the process was killed."""
    for text in path.read_text().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(line.get('step'), int):
            yield line


def _metrics(line: Mapping[str, Any]) -> dict[str, float | None]:
    return {_unprefixed(name): float(value) if math.isfinite(value) else None for name, value in line.items()
            if name not in _BESIDE and isinstance(value, (int, float)) and 'lr' not in line}


def _unprefixed(name: str) -> str:
    for prefix in METRIC_PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _seconds_of_epoch(steps: Mapping[int, Mapping[str, Any]]) -> float | None:
    """Mean time of the logged steps times steps of an epoch.

    Lines stand at the same places of every epoch, so that those of two epochs are whole epochs apart.
    """
    known = [line for line in steps.values() if isinstance(line.get('time'), (int, float)) and 'epoch' in line]
    if not known:
        return None
    first: dict[int, int] = {}
    for line in known:
        first[line['epoch']] = min(line['iter'], first.get(line['epoch'], line['iter']))
    begin, end = min(first), max(first)
    length = (first[end] - first[begin]) / (end - begin) if end > begin else max(line['iter'] for line in known)
    return length * sum(line['time'] for line in known) / len(known)
