"""Where a teacher is active, as a stand-in for a measured intensity."""

from __future__ import annotations

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.masks.base import Mask
from perception_kd.registry import MASKS


@MASKS.register_module()
class ActivationMap(Mask):
    """``clip((a - Q_low) / (Q_high - Q_low), 0, 1)`` with ``a = mean_c |F|`` of a teacher's map.

    Quantiles are taken per sample over all cells. It replaces the LiDAR return intensity where a data set does not
    store it. Multiplying the teacher by a positive number, or changing the sign of channels, does not change it.

    Args:
        tap: ``teacher.tap``, a BEV map on the pair's grid.
        low, high: Quantiles that become 0 and 1.
    """

    def __init__(self, *, tap: str, low: float = 0.5, high: float = 0.99) -> None:
        if not 0 <= low < high <= 1:
            raise ValueError(f'ActivationMap needs 0 <= low < high <= 1, got {low} and {high}')
        self.tap, self.low, self.high = tap, low, high
        self.teacher_taps = (tap,)

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)`` float32; 0 for a map that is the same everywhere."""
        grid, value = batch.require_grid('ActivationMap'), batch.teacher_taps[self.tap]
        if tuple(value.shape[-2:]) != grid.shape:
            raise ValueError(
                f"ActivationMap: teacher tap '{self.tap}' has shape {tuple(value.shape)}, the pair's grid is "
                f'{grid.shape}; name the tap of that grid'
            )
        active = value.detach().float().abs().mean(dim=1).flatten(1)
        low, high = torch.quantile(active, active.new_tensor([self.low, self.high]), dim=1).unbind()
        scaled = (active - low[:, None]) / (high - low)[:, None].clamp(min=1e-6)
        return scaled.clamp(0, 1).view(len(value), 1, *grid.shape)

    def __str__(self) -> str:
        return f'ActivationMap({self.tap})'
