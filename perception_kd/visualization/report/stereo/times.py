"""What ``tools/benchmark.py stereo --json`` has measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_HEAD, _FIRST = b'"benchmark": "stereo"', 200  # bytes of a file that may hold the former


@dataclass(frozen=True)
class SideTimes:
    """One matcher.

    Args:
        name: As the benchmark calls it.
        config: Name of its config's file; empty for graphs and SGBM.
        checkpoint: Its weights; None: those that it is built with.
        median, low, high: Of a pair, s; the latter two are quartiles.
        stages: Medians by stage, s, ``total`` among them.
        parameters: None where there are none.
        macs: Multiply-accumulates of a pair; None where they cannot be counted.
        classic: OpenCV's matcher.
    """

    name: str
    config: str
    checkpoint: Path | None
    median: float
    low: float
    high: float
    stages: Mapping[str, float] = field(default_factory=dict)
    parameters: int | None = None
    macs: float | None = None
    classic: bool = False


@dataclass(frozen=True)
class StereoTimes:
    """All sides of one benchmark, on one machine and one size of pictures.

    Args:
        sides: In their order.
        height, width: px.
        conditions: Machine, threads, precision and version in words.
        busy: Other work ran beside it.
    """

    sides: tuple[SideTimes, ...]
    height: int
    width: int
    conditions: str
    busy: bool = False


def times_stereo(path: Path) -> bool:
    """Whether a JSON file is one of these, by its beginning."""
    if not path.is_file():
        return False
    with path.open('rb') as file:
        return _HEAD in file.read(_FIRST)


def read_times(path: Path) -> StereoTimes:
    """A benchmark.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        content = json.loads(path.read_bytes())
        sides = tuple(_side(name, content) for name in content['sides'])
        height, width = content['setting']['size']
        machine = content['machine']
        return StereoTimes(sides, int(height), int(width), _conditions(content),
                           machine['load'][0] > machine['cores'])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ValueError(f'{path} is damaged: not what tools/benchmark.py stereo --json writes '
                         f'({type(error).__name__}: {error}); move it away to report without it') from None


def _side(name: str, content: Mapping[str, Any]) -> SideTimes:
    about, spread = content['sides'][name], content['spread'][name]
    total, weights = spread['total'], about.get('checkpoint')
    return SideTimes(
        name=name, config=str(about.get('config') or ''), checkpoint=Path(weights) if weights else None,
        median=float(total['median']), low=float(total['low']), high=float(total['high']),
        stages={stage: float(one['median']) for stage, one in spread.items()},
        parameters=content['parameters'][name], macs=content['macs'][name].get('total'), classic='opencv' in about)


def _conditions(content: Mapping[str, Any]) -> str:
    setting, machine = content['setting'], content['machine']
    parts = [machine.get('gpu') if setting['device'] != 'cpu' else machine['processor'],
             f'{machine["threads"]} thread{"s" * (machine["threads"] != 1)}', setting['amp'] or 'float32',
             f'torch {content["versions"]["torch"]}', f'{setting["runs"]} runs of each']
    return ', '.join(str(part) for part in parts if part)
