"""Which parts of the boxes a comparison is looked at by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perception_kd.evaluation.slices.families import default_slices, find_slice, key_of, of_families
from perception_kd.evaluation.slices.sectors import Camera
from perception_kd.evaluation.slices.slice import Slice

LEAST_BOXES = 20
"""True boxes from which on a class counts in a subset."""

LIDAR, VISIBLE = 'lidar', 3
"""A box with so many LiDAR points is one that the LiDAR sees."""


def choose_slices(words: Sequence[str], cameras: Sequence[Camera] = ()) -> list[Slice]:
    """Slices by the words of a command line, each once.

    Args:
        words: Families (``distance``), slices or ranges (``distance=0-40``) as ``tools/evaluate.py`` takes them, or
            ``lidar``: boxes that the LiDAR sees (three points or more), boxes that it does not, and the family
            ``lidar-points``.
        cameras: As for :func:`~perception_kd.evaluation.slices.families.default_slices`.

    Raises:
        ValueError: No such family or value; names those there are.
    """
    known = default_slices(cameras=cameras)
    found: list[Slice] = []
    for word in words:
        if word == LIDAR:
            seen, unseen = (find_slice(f'lidar-points={value}', known) for value in (f'{VISIBLE}+', f'0-{VISIBLE - 1}'))
            found += [replace(seen, name=f'{seen.name}: LiDAR-visible'), unseen]
            found += of_families(['lidar-points'], known)
        else:
            found += [find_slice(word, known)] if '=' in word else of_families([word], known)
    return list({(one.family, one.name): one for one in found}.values())


def families_of(words: Sequence[str]) -> list[str]:
    """Their families, in order."""
    return list(dict.fromkeys(key_of(one.family) for one in choose_slices(words)))
