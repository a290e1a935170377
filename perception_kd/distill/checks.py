"""Comparing what fired with what was declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from perception_kd.structures import TapSpec

_RANK = {'bev': 4, 'image': 4, 'vector': 2, 'volume': 5}


def shape_text(value: Any) -> str:
    """Shape of a tensor, of the heat map of each task of a head, or of the classes of each level, for messages."""
    if isinstance(value, Tensor):
        return '(' + ', '.join(map(str, value.shape)) + ')'
    try:
        return ' + '.join(shape_text(level['classes']) for level in dense_levels(value))
    except ValueError:
        pass
    try:
        return ' + '.join(shape_text(task['heatmap']) for task in head_tasks(value))
    except ValueError:
        return f'a {type(value).__name__}'


def head_tasks(value: Any) -> list[Mapping[str, Tensor]]:
    """CenterHead's raw output as one dict of maps per task.

    Args:
        value: A list or tuple over tasks of dicts, or of one-element lists of dicts (mmdet3d's form).

    Raises:
        ValueError: Anything else.
    """
    tasks = []
    for entry in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(entry, (list, tuple)) and len(entry) == 1:
            entry = entry[0]
        if not isinstance(entry, Mapping) or 'heatmap' not in entry:
            raise ValueError(f"a head tap needs a dict with 'heatmap' per task, got a {type(entry).__name__}")
        tasks.append(entry)
    return tasks


def dense_levels(value: Any) -> list[Mapping[str, Tensor]]:
    """Raw outputs of a 2D detector's head: one dict a level, with ``classes`` and ``boxes`` at least.

    Raises:
        ValueError: Anything else.
    """
    levels = list(value) if isinstance(value, (list, tuple)) else []
    if not levels or not all(isinstance(level, Mapping) and {'classes', 'boxes'} <= set(level) for level in levels):
        raise ValueError("a dense_head tap needs a list of dicts with 'classes' and 'boxes', got a "
                         f'{type(value).__name__}')
    return levels


def check_value(owner: str, spec: TapSpec, value: Any) -> None:
    """Hold one recorded value against its declaration.

    Args:
        owner: Who declares it, for the message: ``student`` or ``teacher 'lidar'``.
        spec: The declaration.
        value: What was recorded; a list of firings where ``spec.call`` is ``all``.

    Raises:
        ValueError: Rank, channels or grid differ.
    """
    for firing in value if spec.call == 'all' else [value]:
        problem = _PROBLEMS.get(spec.kind, _map_problem)(spec, firing)
        if problem:
            raise ValueError(f'{owner}: tap {spec} came out as {shape_text(firing)}: {problem}')


def _map_problem(spec: TapSpec, value: Any) -> str:
    if not isinstance(value, Tensor):
        return 'not a tensor'
    if value.dim() != _RANK[spec.kind]:
        return f'{_RANK[spec.kind]} dimensions declared'
    if spec.channels is not None and value.shape[1] != spec.channels:
        return f'{spec.channels} channels declared'
    if spec.grid is not None and tuple(value.shape[-2:]) != spec.grid.shape:
        return f'grid {spec.grid.shape} declared'
    return ''


def _head_problem(spec: TapSpec, value: Any) -> str:
    try:
        heatmaps = [task['heatmap'] for task in head_tasks(value)]
    except ValueError as error:
        return str(error)
    channels = sum(heatmap.shape[1] for heatmap in heatmaps)
    if spec.channels is not None and channels != spec.channels:
        return f'{spec.channels} heat map channels declared'
    if spec.grid is not None and any(tuple(heatmap.shape[-2:]) != spec.grid.shape for heatmap in heatmaps):
        return f'grid {spec.grid.shape} declared'
    return ''


def _dense_problem(spec: TapSpec, value: Any) -> str:
    try:
        levels = dense_levels(value)
    except ValueError as error:
        return str(error)
    for level in levels:
        classes, boxes = level['classes'], level['boxes']
        if classes.dim() != 5 or boxes.dim() != 5 or boxes.shape[2] != 4:
            return 'classes (B, A, K, H, W) and boxes (B, A, 4, H, W) declared'
        if spec.channels is not None and classes.shape[2] != spec.channels:
            return f'{spec.channels} classes declared'
    return ''


_PROBLEMS = {'head': _head_problem, 'dense_head': _dense_problem}
