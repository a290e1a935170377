"""Annotated boxes drawn on a BEV grid: what the label encoder reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from perception_kd.structures import BEVGrid


def truth_boxes(data_samples: Sequence[Any], device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Boxes ``(M, 7 or 9)`` float32 with z at the centre of gravity, and labels ``(M,)`` int64, of every sample.

    Raises:
        ValueError: a sample without annotations.
    """
    truth = []
    for index, sample in enumerate(data_samples):
        if 'gt_instances_3d' not in sample:
            raise ValueError(f'the label encoder needs annotated boxes, and sample {index} of the batch has no '
                             "gt_instances_3d; load them in the pipeline (LoadBoxes3D), and leave frames without "
                             "annotations out (the data set's labelled=dict(..., others='drop'))")
        boxes, labels = sample.gt_instances_3d.bboxes_3d, sample.gt_instances_3d.labels_3d
        if hasattr(boxes, 'gravity_center'):
            boxes = torch.cat([boxes.gravity_center, boxes.tensor[:, 3:]], dim=1)
        truth.append((boxes.to(device).float(), labels.to(device).long()))
    return truth


def usable_boxes(boxes: Tensor, grid: BEVGrid) -> Tensor:
    """``(M,)`` bool: the centre lies on the grid, the box has a size, place and heading are numbers."""
    return grid.cell_index(boxes)[1] & (boxes[:, 3:5] > 0).all(1) & boxes[:, :7].isfinite().all(1)


def box_cells(boxes: Tensor, grid: BEVGrid, raster_scale: float = 1.0) -> Tensor:
    """Which box covers which cell.

    A box covers the cells whose centres lie in its rotated footprint, and always the cell that holds its own
    centre. Of several boxes the last covers a cell.

    Args:
        boxes: ``(M, 7+)``: x, y, z, l, w, h (m), yaw (rad, counter-clockwise from x), in the grid's frame.
        grid: Where to.
        raster_scale: Factor on length and width; 0.5 draws what LabelDistill's released code draws.

    Returns:
        ``(ny, nx)`` int64: 1 + row of the box, 0: none. Boxes that are not :func:`usable_boxes` cover nothing.
    """
    if not len(boxes):
        return torch.zeros(grid.shape, dtype=torch.long, device=boxes.device)
    usable = usable_boxes(boxes, grid)
    x, y, length, width, yaw = boxes[:, [0, 1, 3, 4, 6], None, None].unbind(1)
    centres = grid.centres(device=boxes.device, dtype=boxes.dtype)
    away_x, away_y = centres[None, :1, :, 0] - x, centres[None, :, :1, 1] - y
    along, across = away_x * yaw.cos() + away_y * yaw.sin(), away_y * yaw.cos() - away_x * yaw.sin()
    half_length, half_width = length * raster_scale / 2, width * raster_scale / 2
    covered = (along.abs() <= half_length) & (across.abs() <= half_width)
    rows = torch.arange(len(boxes), device=boxes.device)
    covered.flatten(1)[rows, grid.cell_index(boxes)[0]] = True
    number = torch.where(usable, rows + 1, torch.zeros_like(rows))
    return (covered * number[:, None, None]).amax(0)


def box_rows(boxes: Tensor, labels: Tensor, classes: int) -> Tensor:
    """What is written into the cells: the box with unknown (NaN) velocities 0, then its class one-hot.

    Args:
        boxes: ``(M, D)``.
        labels: ``(M,)`` int64 in [0, ``classes``).

    Returns:
        ``(1 + M, D + classes)``; row 0, of empty cells, is 0. Rows of boxes that cover nothing hold no meaning.

    Raises:
        ValueError: a label out of range.
    """
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(f'labels {int(labels.min())}..{int(labels.max())} do not fit {classes} classes: the data '
                         'set and the label encoder must have the same tasks')
    rows = torch.cat([boxes.nan_to_num(0.0, 0.0, 0.0), torch.nn.functional.one_hot(labels, classes).to(boxes)], 1)
    return torch.cat([rows.new_zeros(1, rows.shape[1]), rows])


def label_raster(boxes: Tensor, labels: Tensor, grid: BEVGrid, classes: int, raster_scale: float = 1.0) -> Tensor:
    """The raster of a sample, cell by cell.

    Args:
        boxes: ``(M, 9)``: x, y, z of the centre, l, w, h, yaw, vx, vy (m, rad, m/s; velocity NaN: unknown), or
            ``(M, 7)`` without velocities.
        labels: ``(M,)`` int64.
        grid, raster_scale: See :func:`box_cells`.
        classes: How many there are.

    Returns:
        ``(ny, nx, 9 + classes)``: the box that covers the cell as it is, and its class one-hot; 0 elsewhere.
    """
    return box_rows(boxes, labels, classes)[box_cells(boxes, grid, raster_scale)]
