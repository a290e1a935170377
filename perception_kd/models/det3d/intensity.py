"""Intensity gates: where a modality is to be believed."""

from __future__ import annotations

from typing import Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.models.layers import conv
from perception_kd.registry import MODELS

OPEN_GATE = 2.0  # logit with which a learned gate starts: nearly an identity


@MODELS.register_module()
class IntensityGate(BaseModule):
    """One modality's gate in (0, 1), ``(B, 1, ny, nx)``.

    ``learned``: a small network on the feature and the physical maps; ``physical``: the mean of the physical
    maps, raised to at least ``floor``; ``both``: their product.

    Args:
        channels: Of the modality's BEV feature.
        extras: Number of physical maps (depth confidence; radar occupancy and RCS).
        kind: See above.
        floor: Smallest physical value, so that an empty cell is dimmed and not erased.
        norm_cfg: mmcv's normalisation config.
    """

    def __init__(self, *, channels: int, extras: int,
                 kind: Literal['learned', 'physical', 'both'] = 'learned', floor: float = 0.1,
                 norm_cfg: dict) -> None:
        super().__init__()
        if kind not in ('learned', 'physical', 'both'):
            raise ValueError(f"IntensityGate: kind is 'learned', 'physical' or 'both', got {kind!r}")
        self.kind, self.floor = kind, floor
        if kind != 'physical':
            middle = max(channels // 2, 8)
            self.net = nn.Sequential(
                conv(channels + extras, middle, norm_cfg=norm_cfg), nn.Conv2d(middle, 1, 1))
            nn.init.constant_(self.net[-1].bias, OPEN_GATE)

    def forward(self, feature: Tensor, physical: Tensor) -> Tensor:
        """``(B, C, ny, nx)`` and ``(B, extras, ny, nx)`` in [0, 1] -> ``(B, 1, ny, nx)``."""
        known = physical.mean(1, keepdim=True).clamp(min=self.floor)
        if self.kind == 'physical':
            return known
        learned = self.net(torch.cat([feature, physical.to(feature.dtype)], dim=1)).sigmoid()
        return learned if self.kind == 'learned' else learned * known
