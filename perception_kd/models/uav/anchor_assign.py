"""Which anchors of which cells are responsible for which boxes (YOLOv5's rule, and none is left out)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

NEIGHBOURS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # x, y


class Matches(NamedTuple):
    """Positives of one level, all ``(P,)`` int64; a place may be there twice, for two boxes.

    Attributes:
        target: Row of the box.
        anchor, y, x: Which anchor of which cell.
    """

    target: Tensor
    anchor: Tensor
    y: Tensor
    x: Tensor


def shape_ratio(sizes: Tensor, anchors: Tensor) -> Tensor:
    """``max(w/w_a, w_a/w, h/h_a, h_a/h)`` of boxes ``(N, 2)`` and anchors ``(A, 2)``: ``(N, A)``, 1 or more."""
    ratio = sizes[:, None] / anchors
    return torch.maximum(ratio, 1 / ratio).amax(-1)


def fitting_anchors(sizes: Tensor, anchors: Sequence[Tensor], limit: float = 4.0) -> list[Tensor]:
    """Which anchors learn a box: those whose :func:`shape_ratio` to it is below ``limit``.

    A box that none of them fits goes to the nearest one of all levels. YOLOv5 leaves it to the background; but with its
    anchors that is every drone below 3 px, and a smaller side than a quarter of the anchor's can be decoded.

    Args:
        sizes: ``(N, 2)`` width, height.
        anchors: By level ``(A, 2)``, in the same unit.
        limit: Of the ratio.

    Returns:
        By level ``(N, A)`` bool.
    """
    ratios = torch.cat([shape_ratio(sizes, own) for own in anchors], 1)
    fits = ratios < limit
    nearest = torch.zeros_like(fits).scatter_(1, ratios.argmin(1, keepdim=True), True)
    return list((fits | nearest & ~fits.any(1, keepdim=True)).split([len(own) for own in anchors], 1))


def assign_level(centres: Tensor, fits: Tensor, shape: tuple[int, int]) -> Matches:
    """Positives of one level.

    A box goes to its anchors in the cell of its centre and in the two nearest neighbours, one across and one up or
    down, as far as these are in the map.

    Args:
        centres: ``(N, 2)`` x, y, in cells, within the map.
        fits: ``(N, A)`` bool, see :func:`fitting_anchors`.
        shape: Height and width of the map.
    """
    target, anchor = torch.nonzero(fits).unbind(1)
    height, width = shape
    most = centres.new_tensor([width - 1, height - 1])
    places = centres[target]
    cells = torch.minimum(places.floor(), most)
    within = places - cells
    steps = centres.new_tensor(NEIGHBOURS)[:, None]
    near = torch.where(steps < 0, within < 0.5, torch.where(steps > 0, within > 0.5, torch.ones_like(within).bool()))
    moved = cells + steps
    kept = near.all(-1) & (moved >= 0).all(-1) & (moved <= most).all(-1)
    step, row = torch.nonzero(kept).unbind(1)
    x, y = moved[step, row].long().unbind(1)
    return Matches(target[row], anchor[row], y, x)
