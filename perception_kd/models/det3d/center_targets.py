"""CenterHead's training targets for all boxes at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from perception_kd.structures import BEVGrid


class CenterTargets(NamedTuple):
    """Targets of one sample and one task.

    Attributes:
        heatmap: ``(classes, ny, nx)``, 1 at object centres.
        boxes: ``(max_objs, 10)``: offset x, y in cells, z of the centre, log of l, w, h, sin and cos of the
            yaw, vx, vy.
        index: ``(max_objs,)`` int64 flat cell of each box.
        mask: ``(max_objs,)`` uint8, 1 where the row holds a box.
    """

    heatmap: Tensor
    boxes: Tensor
    index: Tensor
    mask: Tensor


def gaussian_radii(length: Tensor, width: Tensor, overlap: float) -> Tensor:
    """Radius (cells) within which a shifted box of this size still overlaps by at least ``overlap`` IoU.

    The smallest of three cases (both corners inside, both outside, one of each), with CornerNet's constants
    as they stand in CenterNet and mmdet3d, so that trained heads agree.
    """
    total, area = length + width, length * width
    both = total + (total ** 2 - 4 * area * (1 - overlap) / (1 + overlap)).sqrt()
    inner = 2 * total + (4 * total ** 2 - 16 * (1 - overlap) * area).sqrt()
    b3 = -2 * overlap * total
    outer = b3 + (b3 ** 2 - 16 * overlap * (overlap - 1) * area).sqrt()
    return torch.stack([both, inner, outer]).amin(0) / 2


def center_targets(boxes: Tensor, labels: Tensor, *, grid: BEVGrid, classes: int, max_objs: int,
                   overlap: float, min_radius: int, norm_bbox: bool = True) -> CenterTargets:
    """Draw the heat map and encode the boxes.

    Args:
        boxes: ``(K, 9)`` gravity centre x, y, z, l, w, h (m), yaw, vx, vy.
        labels: ``(K,)`` class in the task, 0..classes - 1; boxes of other labels are left out.
        grid: Of the head's output.
        classes: Of the task.
        max_objs: Rows of the result; further boxes are dropped, class by class in order.
        overlap, min_radius: Of the Gaussians.
        norm_bbox: Regress the logarithm of the sizes.
    """
    order = torch.argsort(labels, stable=True)
    boxes, labels = boxes[order], labels[order]
    mine = (labels >= 0) & (labels < classes)
    boxes, labels = boxes[mine][:max_objs].float(), labels[mine][:max_objs].long()
    centre = torch.stack([(boxes[:, 0] - grid.x_min) / grid.cell, (boxes[:, 1] - grid.y_min) / grid.cell], 1)
    cell = centre.int()  # towards zero, as mmdet3d
    size = torch.tensor([grid.nx, grid.ny], device=boxes.device)
    good = ((cell >= 0) & (cell < size)).all(1) & (boxes[:, 3] > 0) & (boxes[:, 4] > 0)
    heatmap = _draw(cell[good], labels[good], boxes[good], grid, classes, overlap, min_radius)
    encoded = torch.cat([
        centre - cell, boxes[:, 2:3], boxes[:, 3:6].log() if norm_bbox else boxes[:, 3:6],
        boxes[:, 6:7].sin(), boxes[:, 6:7].cos(), boxes[:, 7:9]], dim=1)
    flat = cell[:, 1].long() * grid.nx + cell[:, 0].long()
    rows = torch.nonzero(good)[:, 0]
    out = CenterTargets(heatmap, boxes.new_zeros(max_objs, 10), labels.new_zeros(max_objs),
                        boxes.new_zeros(max_objs, dtype=torch.uint8))
    out.boxes[rows], out.index[rows], out.mask[rows] = encoded[rows], flat[rows], 1
    return out


def _draw(cell: Tensor, labels: Tensor, boxes: Tensor, grid: BEVGrid, classes: int, overlap: float,
          min_radius: int) -> Tensor:
    """Gaussians of sigma = (2 r + 1) / 6 in a window of radius r; the larger wins."""
    heatmap = boxes.new_zeros(classes, grid.ny, grid.nx)
    if not len(cell):
        return heatmap
    radius = gaussian_radii(boxes[:, 3] / grid.cell, boxes[:, 4] / grid.cell, overlap)
    radius = radius.int().clamp(min=min_radius)
    dx = torch.arange(grid.nx, device=cell.device)[None] - cell[:, :1]
    dy = torch.arange(grid.ny, device=cell.device)[None] - cell[:, 1:2]
    variance = ((2 * radius + 1) / 6.0)[:, None] ** 2
    row = torch.where(dx.abs() <= radius[:, None], torch.exp(-dx ** 2 / (2 * variance)), 0.0)
    column = torch.where(dy.abs() <= radius[:, None], torch.exp(-dy ** 2 / (2 * variance)), 0.0)
    bumps = column[:, :, None] * row[:, None]
    for label in range(classes):
        mine = bumps[labels == label]
        if len(mine):
            heatmap[label] = mine.amax(0)
    return heatmap
