"""Boxes enlarged by what is hard about them: their distance and their speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.masks.base import Mask
from perception_kd.registry import MASKS
from perception_kd.structures import BEVGrid


@MASKS.register_module()
class ScaledBoxes(Mask):
    """1 inside true boxes that are enlarged with range and speed, 0 elsewhere (CRKD's MSFD, Zhao et al., CVPR 2024).

    A box becomes the axis-aligned rectangle around its turned footprint. Each side grows by the larger share of two
    steps, 25 % or 50 %: at 20 or 30 m from the sensor, and above 0.3 or 0.8 m/s. Where a side grows at all, the
    increment is at least 0.5 m and at most 4 m, half of it at each end. A cell counts where its centre lies inside, and
    where it holds the centre of a box: a pedestrian may lie between the centres of all cells. A velocity that is not
    known (NaN, or boxes of seven numbers) enlarges nothing.

    Args:
        ranges: Metres from the grid's origin where the two steps begin.
        speeds: Metres a second above which the two steps begin.
        shares: Increments of the two steps, parts of a side.
        limits: Least and largest increment in metres.
    """

    needs_boxes = True

    def __init__(
        self,
        *,
        ranges: Sequence[float] = (20.0, 30.0),
        speeds: Sequence[float] = (0.3, 0.8),
        shares: Sequence[float] = (0.25, 0.5),
        limits: Sequence[float] = (0.5, 4.0),
    ) -> None:
        pairs = dict(ranges=ranges, speeds=speeds, shares=shares, limits=limits)
        bad = [name for name, pair in pairs.items() if len(pair) != 2 or not 0 <= pair[0] <= pair[1]]
        if bad:
            raise ValueError(f'ScaledBoxes: {", ".join(bad)} are two numbers in order, not negative, got '
                             f'{tuple(pairs[bad[0]])}')
        self.ranges, self.speeds, self.shares, self.limits = (tuple(map(float, pair)) for pair in pairs.values())

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)`` of 0 and 1; all 0 for a sample without boxes."""
        grid = batch.require_grid('ScaledBoxes')
        return torch.stack([self._one(sample, grid, batch.device) for sample in batch.data_samples])[:, None]

    def _one(self, data_sample: Any, grid: BEVGrid, device: torch.device) -> Tensor:
        boxes = data_sample.gt_instances_3d.bboxes_3d
        boxes = getattr(boxes, 'tensor', boxes).to(device).float()
        half = (self.sides(boxes) / 2).clamp(min=grid.cell / 2)
        centres = grid.centres(device)
        away = (centres[None] - boxes[:, None, None, :2]).abs()
        return (away <= half[:, None, None]).all(-1).any(0).float()

    def sides(self, boxes: Tensor) -> Tensor:
        """Boxes ``(K, 7+)`` (x, y, z, length, width, height, yaw, vx, vy) -> sides ``(K, 2)`` along x and y in m."""
        length, width, yaw = boxes[:, 3], boxes[:, 4], boxes[:, 6]
        cos, sin = yaw.cos().abs(), yaw.sin().abs()
        sides = torch.stack([length * cos + width * sin, length * sin + width * cos], dim=1)
        place = boxes[:, :2].norm(dim=1)
        speed = boxes[:, 7:9].norm(dim=1).nan_to_num(0.0) if boxes.shape[1] >= 9 else torch.zeros_like(place)
        far = (place[:, None] >= place.new_tensor(self.ranges)).sum(1)
        fast = (speed[:, None] > speed.new_tensor(self.speeds)).sum(1)
        share = sides.new_tensor([0.0, *self.shares])[torch.maximum(far, fast)][:, None]
        return sides + torch.where(share > 0, (sides * share).clamp(*self.limits), 0.0)

    def __str__(self) -> str:
        return f'ScaledBoxes({self.ranges[0]:g}, {self.ranges[1]:g} m)'
