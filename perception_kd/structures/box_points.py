"""Points of boxes seen from above, and maps read at such points."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.structures.bev_grid import BEVGrid

_HALVES = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1), (1, -1), (1, 0), (1, 1))


def nine_points(boxes: Tensor) -> Tensor:
    """Corners, middles of the edges and centre of each box.

    Args:
        boxes: ``(K, 7+)``: x, y, _, length, width, _, yaw (counter-clockwise from x) in metres and radians.

    Returns:
        ``(K, 9, 2)`` x and y in metres, ordered by length, then width: the centre is number 4.
    """
    along = boxes.new_tensor(_HALVES) / 2 * boxes[:, None, 3:5]
    sine, cosine = boxes[:, 6:7].sin(), boxes[:, 6:7].cos()
    x = along[..., 0] * cosine - along[..., 1] * sine
    y = along[..., 0] * sine + along[..., 1] * cosine
    return boxes[:, None, :2] + torch.stack([x, y], dim=-1)


def boxes_on(boxes: Tensor, grid: BEVGrid) -> Tensor:
    """The boxes of finite place, size and yaw, of positive size, whose centre lies on the grid.

    Args:
        boxes: ``(K, 7+)``, see :func:`nine_points`; what comes after yaw may be NaN.
        grid: In the boxes' frame.
    """
    _, inside = grid.cell_index(boxes)
    return boxes[inside & boxes[:, :7].isfinite().all(1) & (boxes[:, 3:5] > 0).all(1)]


def sample_map(value: Tensor, points: Tensor, grid: BEVGrid) -> Tensor:
    """A map at points in metres, bilinear between the centres of cells; beyond the outermost ones as there.

    Args:
        value: ``(C, ny, nx)`` on ``grid``.
        points: ``(K, P, 2)``: x and y.
        grid: Of the map.

    Returns:
        ``(K, P, C)``, with gradient to ``value``.
    """
    low = points.new_tensor([grid.x_min, grid.y_min])
    size = points.new_tensor([grid.x_max - grid.x_min, grid.y_max - grid.y_min])
    places = (2 * (points - low) / size - 1).to(value)
    found = functional.grid_sample(value[None], places[None], padding_mode='border', align_corners=False)
    return found[0].permute(1, 2, 0)
