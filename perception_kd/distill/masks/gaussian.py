"""Gaussian masks around annotated boxes."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.masks.base import Mask
from perception_kd.registry import MASKS
from perception_kd.structures import BEVGrid
from perception_kd.structures.gaussian import class_heatmaps, gaussian_maps


@MASKS.register_module()
class GaussianMask(Mask):
    """The detector's own Gaussian targets as a mask: largest within a class, then as ``mode`` says over classes.

    Args:
        mode: ``soft``: the sum cut at 1; ``sum``: the sum; ``binary``: 1 where the sum is above 0
            (LabelDistill weights its LiDAR term by ``sum`` and its label term by ``binary``); ``max``: the largest
            over all boxes of any class (BEVDistill, UniDistill).
        overlap, min_radius: As in CenterHead's ``train_cfg``.
    """

    needs_boxes = True

    def __init__(
        self,
        *,
        mode: Literal['soft', 'sum', 'binary', 'max'] = 'soft',
        overlap: float = 0.1,
        min_radius: int = 2,
    ) -> None:
        if mode not in ('soft', 'sum', 'binary', 'max'):
            raise ValueError(f"GaussianMask: mode is 'soft', 'sum', 'binary' or 'max', got '{mode}'")
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
        if len(boxes) == 0:
            return torch.zeros(grid.shape, device=device)
        if self.mode == 'max':
            return gaussian_maps(boxes, grid, self.overlap, self.min_radius).amax(dim=0)
        labels = truth.labels_3d.to(device)
        classes = int(labels.max()) + 1
        return class_heatmaps(boxes, labels, grid, classes, self.overlap, self.min_radius).sum(dim=0)

    def __str__(self) -> str:
        return f'GaussianMask({self.mode})'
