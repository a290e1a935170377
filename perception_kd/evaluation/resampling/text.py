"""What every table says: intervals, what was evaluated and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perception_kd.evaluation.resampling.bootstrap import FEW_SCENES, Interval


def bookkeeping(meta: Mapping[str, Any]) -> list[str]:
    """What was evaluated, how, and what to be careful about."""
    lines = []
    if meta['scenes'] < FEW_SCENES:
        lines.append(f'only {meta["scenes"]} scenes: intervals are rough, or blank, and say little')
    lines.append(f'{meta["key_frames"]} key frames of {meta["scenes"]} scenes, {meta["version"]} {meta["split"]}, '
                 f'{meta["resamples"]} resamples of scenes (seed {meta["seed"]})')
    lines.append("engine fast, whose numbers are equal to nuscenes-devkit's; not the official protocol"
                 + (f': {meta["subset"]}' if meta.get('subset') else ''))
    if meta['world']:
        lines.append(f'simulated world {meta["world"]}')
    return lines


def format_range(interval: Interval, sign: str = '') -> str:
    """``0.123 to 0.234``, or nothing."""
    return '' if interval is None else f'{interval[0]:{sign}.3f} to {interval[1]:{sign}.3f}'
