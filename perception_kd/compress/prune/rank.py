"""Which channels stay: all groups ranked together, in steps that keep widths round."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import ceil

import torch
from torch import Tensor


def rank_channels(importance: Mapping[str, Tensor], ratio: float, *, round_to: int = 4,
                  min_keep: int = 8) -> dict[str, Tensor]:
    """Channels that stay when the least important ones go, in one shot over all groups.

    Channels go in steps that leave a group a multiple of ``round_to``: the step whose channels matter least on average
    goes first, wherever it is. The part removed is as near to ``ratio`` as steps allow.

    Args:
        importance: ``(size,)`` by group, comparable between groups.
        ratio: Part of all channels to remove, in [0, 1).
        round_to: Widths that are changed are multiples of it.
        min_keep: Least width, rounded up to such a multiple; a group that has no more stays as it is.

    Returns:
        Kept indices by group, ascending.

    Raises:
        ValueError: so many cannot be removed, or importance that is not finite.
    """
    if round_to < 1 or min_keep < 1 or not 0 <= ratio < 1:
        raise ValueError(f'prune: round_to and min_keep are 1 or more and ratio lies in [0, 1); got {round_to}, '
                         f'{min_keep} and {ratio}')
    bad = [name for name, values in importance.items() if not values.isfinite().all()]
    if bad:
        raise ValueError(f'prune: importance of {", ".join(bad)} is not finite')
    total = sum(map(len, importance.values()))
    steps = sorted((step for name, values in importance.items() for step in _steps(name, values, round_to, min_keep)),
                   key=lambda step: step[0])
    target, removed = ratio * total, 0
    kept = {name: torch.ones(len(values), dtype=torch.bool) for name, values in importance.items()}
    for _, name, channels in steps:
        if removed + len(channels) / 2 > target:
            break
        kept[name][channels] = False
        removed += len(channels)
    else:
        if removed + round_to / 2 < target:
            raise ValueError(f'prune: {ratio:.3g} of {total} channels cannot be removed; with round_to={round_to} and '
                             f'min_keep={min_keep} at most {removed / total:.3f} can')
    return {name: stays.nonzero()[:, 0] for name, stays in kept.items()}


def _steps(name: str, importance: Tensor, round_to: int, min_keep: int) -> list[tuple[float, str, Tensor]]:
    """Mean importance, group and channels of each step, the least important first."""
    size, least = len(importance), ceil(min_keep / round_to) * round_to
    order = importance.argsort(stable=True)
    widths = [size, *range((size - 1) // round_to * round_to, least - 1, -round_to)]
    parts = [order[size - before:size - after] for before, after in pairwise(widths)]
    return [(float(importance[part].mean()), name, part) for part in parts]
