"""Gaussian masks around annotated boxes, drawn for all boxes at once."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.masks.region import Mask
from perception_kd.registry import MASKS
from perception_kd.structures import BEVGrid


def gaussian_radius(length: Tensor, width: Tensor, overlap: float) -> Tensor:
    """Radius within which a shifted box still overlaps by ``overlap``: the smallest of three cases.

    Law and Deng, CornerNet (ECCV 2018), in the form of CenterNet (Zhou et al., 2019), whose roots are divided
    by 2 in all three cases. CenterHead's targets use the same numbers, so masks and targets agree.

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
    roots = [(b + torch.sqrt(b * b - 4 * a * c)) / 2 for a, b, c in cases]
    return torch.minimum(torch.minimum(roots[0], roots[1]), roots[2])


def gaussian_maps(boxes: Tensor, grid: BEVGrid, overlap: float = 0.1, min_radius: int = 2) -> Tensor:
    """One Gaussian per box: 1 at the centre's cell, sigma a sixth of the diameter, cut off at the radius.

    Args:
        boxes: ``(K, 5+)``: x, y, _, length, width in metres in the grid's frame.
        grid: Where to.
        overlap: See :func:`gaussian_radius`.
        min_radius: Least radius in cells.

    Returns:
        ``(K, ny, nx)``; 0 for boxes whose centre is off the grid or whose size is not positive.
    """
    length, width = boxes[:, 3] / grid.cell, boxes[:, 4] / grid.cell
    index, inside = grid.cell_index(boxes)
    inside = inside & (length > 0) & (width > 0)
    radius = gaussian_radius(length.clamp(min=0), width.clamp(min=0), overlap).floor().clamp(min=min_radius)
    dx = torch.arange(grid.nx, device=boxes.device) - (index % grid.nx)[:, None]
    dy = torch.arange(grid.ny, device=boxes.device) - (index // grid.nx)[:, None]
    sigma = ((2 * radius + 1) / 6)[:, None]
    along_x = torch.exp(-dx * dx / (2 * sigma * sigma)) * (dx.abs() <= radius[:, None])
    along_y = torch.exp(-dy * dy / (2 * sigma * sigma)) * (dy.abs() <= radius[:, None])
    maps = along_y[:, :, None] * along_x[:, None, :]
    return torch.where(inside[:, None, None], maps, torch.zeros_like(maps))


@MASKS.register_module()
class GaussianMask(Mask):
    """The detector's own Gaussian targets as a mask: largest within a class, then summed over classes.

    Args:
        mode: ``soft``: the sum cut at 1; ``sum``: the sum; ``binary``: 1 where the sum is above 0
            (LabelDistill weights its LiDAR term by ``sum`` and its label term by ``binary``).
        overlap, min_radius: As in CenterHead's ``train_cfg``.
    """

    def __init__(
        self, *, mode: Literal['soft', 'sum', 'binary'] = 'soft', overlap: float = 0.1, min_radius: int = 2
    ) -> None:
        if mode not in ('soft', 'sum', 'binary'):
            raise ValueError(f"GaussianMask: mode is 'soft', 'sum' or 'binary', got '{mode}'")
        self.mode, self.overlap, self.min_radius = mode, overlap, min_radius

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)`` float32; all 0 for a sample without boxes."""
        grid = batch.require_grid('GaussianMask')
        total = torch.stack([self._one(sample, grid, batch.device) for sample in batch.data_samples])[:, None]
        if self.mode == 'binary':
            return (total > 0).float()
        return total.clamp(max=1.0) if self.mode == 'soft' else total

    def _one(self, data_sample: Any, grid: BEVGrid, device: torch.device) -> Tensor:
        truth = data_sample.gt_instances_3d
        boxes = getattr(truth.bboxes_3d, 'tensor', truth.bboxes_3d).to(device).float()
        total = torch.zeros(grid.shape, device=device)
        if len(boxes) == 0:
            return total
        maps, labels = gaussian_maps(boxes, grid, self.overlap, self.min_radius), truth.labels_3d.to(device)
        for label in labels.unique():
            total = total + maps[labels == label].amax(dim=0)
        return total

    def __str__(self) -> str:
        return f'GaussianMask({self.mode})'
