"""The Gaussians around box centres, of a detector's targets and of the masks that follow them."""

from __future__ import annotations

import torch
from torch import Tensor

from perception_kd.structures.bev_grid import BEVGrid


def gaussian_radius(length: Tensor, width: Tensor, overlap: float) -> Tensor:
    """Radius (cells) within which a shifted box of this size still overlaps by at least ``overlap`` IoU.

    The smallest of three cases: both corners inside, both outside, one of each. Law and Deng, CornerNet (ECCV
    2018), in the form of CenterNet (Zhou et al., 2019) and mmdet3d, whose roots are divided by 2 in all three
    cases, so that trained heads agree.

    Args:
        length, width: Box sides in cells, any shape.
        overlap: Least intersection over union, in (0, 1).
    """
    total, area = length + width, length * width
    cases = (
        (1.0, total, area * (1 - overlap) / (1 + overlap)),
        (4.0, 2 * total, (1 - overlap) * area),
        (4.0 * overlap, -2 * overlap * total, (overlap - 1) * area),
    )
    return torch.stack([(b + torch.sqrt(b * b - 4 * a * c)) / 2 for a, b, c in cases]).amin(0)


def centre_cells(boxes: Tensor, grid: BEVGrid) -> tuple[Tensor, Tensor, Tensor]:
    """The cell that each box is assigned to.

    Coordinates are cut towards zero, as mmdet3d's CenterHead does: a centre less than one cell below the
    lower borders still belongs to the first cell. ``BEVGrid.cell_index`` is strict there.

    Args:
        boxes: ``(K, 5+)``: x, y, _, length, width in metres in the grid's frame.
        grid: Where to.

    Returns:
        ``centre`` ``(K, 2)`` float, x and y in cells; ``cell`` ``(K, 2)`` int64, 0 where unassigned; ``good``
        ``(K,)`` bool: assigned, that is on the grid and of positive size. NaN is unassigned.
    """
    centre = torch.stack([boxes[:, 0] - grid.x_min, boxes[:, 1] - grid.y_min], dim=1) / grid.cell
    cell = centre.trunc()
    good = ((cell >= 0) & (cell < cell.new_tensor([grid.nx, grid.ny]))).all(1) & (boxes[:, 3:5] > 0).all(1)
    return centre, torch.where(good[:, None], cell, torch.zeros_like(cell)).long(), good


def gaussian_maps(boxes: Tensor, grid: BEVGrid, overlap: float = 0.1, min_radius: int = 2) -> Tensor:
    """One Gaussian per box: 1 at the centre's cell, sigma a sixth of the diameter, cut off at the radius.

    Args:
        boxes: ``(K, 5+)``: x, y, _, length, width in metres in the grid's frame.
        grid: Where to.
        overlap: See :func:`gaussian_radius`.
        min_radius: Least radius in cells.

    Returns:
        ``(K, ny, nx)``; 0 for boxes that :func:`centre_cells` does not assign.
    """
    _, cell, good = centre_cells(boxes, grid)
    length, width = (boxes[:, 3:5].clamp(min=0) / grid.cell).unbind(1)
    radius = gaussian_radius(length, width, overlap).floor().clamp(min=min_radius)[:, None]
    sigma = (2 * radius + 1) / 6
    along = []
    for axis, cells in enumerate((grid.nx, grid.ny)):
        away = torch.arange(cells, device=boxes.device) - cell[:, axis:axis + 1]
        along.append(torch.exp(-away * away / (2 * sigma * sigma)) * (away.abs() <= radius))
    maps = along[1][:, :, None] * along[0][:, None, :]
    return torch.where(good[:, None, None], maps, torch.zeros_like(maps))


def class_heatmaps(boxes: Tensor, labels: Tensor, grid: BEVGrid, classes: int, overlap: float = 0.1,
                   min_radius: int = 2) -> Tensor:
    """A detector's target: where Gaussians of a class overlap, the larger wins.

    Args:
        boxes, grid, overlap, min_radius: See :func:`gaussian_maps`.
        labels: ``(K,)``; boxes of labels outside ``0..classes - 1`` are left out.
        classes: Number of maps.

    Returns:
        ``(classes, ny, nx)``.
    """
    heat = boxes.new_zeros(classes, *grid.shape)
    bumps = gaussian_maps(boxes, grid, overlap, min_radius)
    for label in range(classes):
        mine = bumps[labels == label]
        if len(mine):
            heat[label] = mine.amax(0)
    return heat
