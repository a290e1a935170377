"""Which cells an upright box covers, and what they weigh."""

from __future__ import annotations

import torch
from torch import Tensor

from perception_kd.structures.bev_grid import BEVGrid
from perception_kd.structures.box_points import boxes_on


def footprints(boxes: Tensor, grid: BEVGrid) -> Tensor:
    """Cells whose centre lies in a box seen from above, and the cell that holds the box's own centre, so that a
    pedestrian between four cell centres is not lost.

    Args:
        boxes: ``(K, 7+)``: x, y, _, length, width, _, yaw in metres and radians in the grid's frame.
        grid: Where to.

    Returns:
        ``(K', ny, nx)`` bool, of the boxes that :func:`~perception_kd.structures.box_points.boxes_on` keeps.
    """
    boxes = boxes_on(boxes, grid)
    centres = grid.centres(device=boxes.device).view(1, -1, 2)
    away = centres - boxes[:, None, :2]
    cosine, sine = boxes[:, 6, None].cos(), boxes[:, 6, None].sin()
    along = cosine * away[..., 0] + sine * away[..., 1]
    across = cosine * away[..., 1] - sine * away[..., 0]
    covered = (along.abs() <= boxes[:, 3, None] / 2) & (across.abs() <= boxes[:, 4, None] / 2)
    covered[torch.arange(len(boxes), device=boxes.device), grid.cell_index(boxes)[0]] = True
    return covered.view(-1, *grid.shape)


def shared_weights(covered: Tensor, outside: float, inside: float = 1.0) -> Tensor:
    """``inside`` shared by the cells of each box (the smallest, where boxes overlap), ``outside`` by all other cells.

    Args:
        covered: ``(K, ny, nx)`` of 0 and 1: cells of each box.
        outside, inside: Sums.

    Returns:
        ``(ny, nx)``.
    """
    share = covered / covered.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    largest = share.amax(dim=0) if len(covered) else covered.new_zeros(covered.shape[1:])
    empty = (largest == 0).float()
    return inside * largest + outside * empty / empty.sum().clamp(min=1)
