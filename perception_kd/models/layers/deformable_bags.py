"""Deformable sampling as one weighted sum of rows per query and head: no sample of a map is ever stored.

``grid_sample`` writes every sample of every point before they are weighted and added. On a CPU memory limits that, and
``embedding_bag`` on the four corners of all points takes a third of the time (``tools/benchmark.py ops``).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def bag_sample(values: Sequence[Tensor], places: Tensor, weights: Tensor) -> Tensor:
    """As :func:`~perception_kd.models.layers.deformable_attention.deformable_sample`, in the dtype of its arguments."""
    batch, queries, heads = places.shape[:3]
    tables, cells, shares, above = [], [], [], 0
    for index, value in enumerate(values):
        table = value.reshape(batch * heads, -1, value.shape[-2] * value.shape[-1]).transpose(1, 2)
        first = above + torch.arange(batch * heads, device=places.device).view(batch, 1, heads, 1) * table.shape[1]
        for cell, share in _corners(places[:, :, :, index], value.shape[-2:]):
            cells.append(first + cell)
            shares.append(share * weights[:, :, :, index])
        tables.append(table.flatten(0, 1))
        above += len(tables[-1])
    bags = [torch.stack(parts, dim=-1).reshape(batch * queries * heads, -1) for parts in (cells, shares)]
    found = F.embedding_bag(bags[0], torch.cat(tables), mode='sum', per_sample_weights=bags[1])
    return found.view(batch, queries, -1)


def _corners(places: Tensor, size: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """Cells around places ``(..., 2)`` and their bilinear shares, four times ``(...)``; 0 outside of the map."""
    across, down = (_neighbours(places[..., axis] * count - 0.5, count) for axis, count in ((0, size[1]), (1, size[0])))
    return [(row * size[1] + column, low * right) for row, low in down for column, right in across]


def _neighbours(place: Tensor, count: int) -> list[tuple[Tensor, Tensor]]:
    """Cells before and after a place (in cells, 0 is the centre of the first one), and their linear shares."""
    before = place.detach().floor()
    part = place - before
    found = []
    for cell, share in ((before, 1 - part), (before + 1, part)):
        inside = (cell >= 0) & (cell < count)
        found.append((cell.clamp(0, count - 1).nan_to_num(0.0).long(), share * inside))
    return found
