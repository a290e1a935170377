"""Two raw outputs of 2D detectors' heads, level by level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from perception_kd.distill.checks import dense_levels

Level = Mapping[str, Tensor]
PARTS = ('classes', 'boxes', 'objectness', 'edges')


def paired_levels(who: str, student: Any, teacher: Any, *needed: str) -> Iterator[tuple[Level, Level]]:
    """Levels of both heads side by side, with the same anchors at the same places.

    Args:
        who: Names the loss in messages.
        student, teacher: Lists over levels of dicts, see ``TapSpec``.
        needed: Parts that both must have.

    Raises:
        ValueError: A part is missing, or the two differ in levels, parts or shapes.
    """
    ours, theirs = dense_levels(student), dense_levels(teacher)
    if len(ours) != len(theirs):
        raise ValueError(f'{who}: the student has {len(ours)} levels, the teacher {len(theirs)}')
    for place, (mine, other) in enumerate(zip(ours, theirs)):
        for part in PARTS:
            shapes = [tuple(level[part].shape) if part in level else None for level in (mine, other)]
            if shapes[0] != shapes[1]:
                raise ValueError(f'{who}: {part} of level {place} are {shapes[0] or "absent"} in the student and '
                                 f'{shapes[1] or "absent"} in the teacher; it compares anchor by anchor')
            if part in needed and shapes[0] is None:
                raise ValueError(f'{who}: the heads have no {part}')
        yield mine, other


def certainty(level: Level) -> Tensor:
    """How sure a head is that an object is at each anchor: ``(B, A, H, W)`` in (0, 1).

    The objectness where the head has one, else the largest class probability.
    """
    if 'objectness' in level:
        return level['objectness'].sigmoid()
    return level['classes'].amax(dim=2).sigmoid()
