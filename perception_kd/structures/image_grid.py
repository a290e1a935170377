"""The places of a feature map in a picture, and true boxes on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class ImageGrid:
    """Cells of ``stride x stride`` px of the network input; cell ``[0, 0]`` touches the picture's upper left corner.

    Args:
        stride: Side of a cell in px.
        ny, nx: Rows and columns.
    """

    stride: int
    ny: int
    nx: int

    @property
    def shape(self) -> tuple[int, int]:
        """``(ny, nx)``, the last two sizes of a map on this grid."""
        return self.ny, self.nx

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        return self.nx * self.stride, self.ny * self.stride

    def centres(self, device: torch.device | str = 'cpu') -> Tensor:
        """``(ny, nx, 2)``: x and y of the cells' centres in px."""
        y, x = (((torch.arange(count, device=device) + 0.5) * self.stride) for count in self.shape)
        return torch.stack(torch.meshgrid(x, y, indexing='xy'), dim=-1)


def image_boxes(data_sample: Any) -> Tensor:
    """True boxes ``(K, 4)`` of a sample, x1 y1 x2 y2 in px of the network input, float32."""
    boxes = data_sample.gt_instances.bboxes
    return getattr(boxes, 'tensor', boxes).float()


def boxes_inside(boxes: Tensor, grid: ImageGrid) -> Tensor:
    """Boxes cut at the borders of the map, without those of which nothing is left and those with NaN.

    Args:
        boxes: ``(K, 4)`` x1 y1 x2 y2 in px.
        grid: Of the map.
    """
    boxes = boxes[boxes.isfinite().all(1)]
    boxes = torch.minimum(boxes.clamp(min=0), boxes.new_tensor(grid.size * 2))
    return boxes[(boxes[:, 2:] > boxes[:, :2]).all(1)]


def image_footprints(boxes: Tensor, grid: ImageGrid) -> Tensor:
    """Cells whose centre lies in a box, and the cell that holds the box's own centre, so that a drone of a few pixels
    between four cell centres is not lost.

    Args:
        boxes: ``(K, 4)`` x1 y1 x2 y2 in px.
        grid: Where to.

    Returns:
        ``(K', ny, nx)`` bool, of the boxes that :func:`boxes_inside` keeps; each covers at least one cell.
    """
    boxes = boxes_inside(boxes, grid)
    centres = grid.centres(boxes.device)[None]
    covered = ((centres >= boxes[:, None, None, :2]) & (centres <= boxes[:, None, None, 2:])).all(-1)
    column, row = ((boxes[:, :2] + boxes[:, 2:]) / 2 / grid.stride).long().unbind(1)
    every = torch.arange(len(boxes), device=boxes.device)
    covered[every, row.clamp(max=grid.ny - 1), column.clamp(max=grid.nx - 1)] = True
    return covered


def at_points(value: Tensor, points: Tensor, grid: ImageGrid) -> Tensor:
    """A map at points in px, bilinear between the centres of cells; beyond the outermost ones as there.

    Args:
        value: ``(C, ny, nx)`` on ``grid``.
        points: ``(K, 2)``: x and y in px.
        grid: Of the map.

    Returns:
        ``(K, C)``, with gradient to ``value``.
    """
    places = (2 * points / points.new_tensor(grid.size) - 1).to(value)[None, None]
    found = functional.grid_sample(value[None], places, padding_mode='border', align_corners=False)
    return found[0, :, 0].T
