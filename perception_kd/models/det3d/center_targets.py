"""CenterHead's training targets for all boxes at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from perception_kd.structures import BEVGrid
from perception_kd.structures.gaussian import centre_cells, class_heatmaps


class CenterTargets(NamedTuple):
    """Targets of one sample and one task.

    Attributes:
        heatmap: ``(classes, ny, nx)``, 1 at object centres.
        boxes: ``(max_objs, 10)``: offset x, y in cells, z of the centre, log of l, w, h, sin and cos of the
            yaw, vx, vy; NaN where the velocity is unknown.
        index: ``(max_objs,)`` int64 flat cell of each box.
        mask: ``(max_objs,)`` uint8, 1 where the row holds a box.
    """

    heatmap: Tensor
    boxes: Tensor
    index: Tensor
    mask: Tensor


def center_targets(boxes: Tensor, labels: Tensor, *, grid: BEVGrid, classes: int, max_objs: int,
                   overlap: float, min_radius: int, norm_bbox: bool = True) -> CenterTargets:
    """Draw the heat map and encode the boxes.

    Args:
        boxes: ``(K, 9)`` gravity centre x, y, z, l, w, h (m), yaw, vx, vy; an unknown velocity is NaN.
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
    centre, cell, good = centre_cells(boxes, grid)
    heatmap = class_heatmaps(boxes[good], labels[good], grid, classes, overlap, min_radius)
    encoded = torch.cat([
        centre - cell, boxes[:, 2:3], boxes[:, 3:6].log() if norm_bbox else boxes[:, 3:6],
        boxes[:, 6:7].sin(), boxes[:, 6:7].cos(), boxes[:, 7:9]], dim=1)
    flat = cell[:, 1] * grid.nx + cell[:, 0]
    rows = torch.nonzero(good)[:, 0]
    out = CenterTargets(heatmap, boxes.new_zeros(max_objs, 10), labels.new_zeros(max_objs),
                        boxes.new_zeros(max_objs, dtype=torch.uint8))
    out.boxes[rows], out.index[rows], out.mask[rows] = encoded[rows], flat[rows], 1
    return out
