"""Which cells an upright box covers."""

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
