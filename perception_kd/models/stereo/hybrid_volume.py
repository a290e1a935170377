"""The hybrid cost volume: correlation and compressed features together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from perception_kd.models.layers.cost_volume import concat_volume, group_correlation
from perception_kd.registry import MODELS


@MODELS.register_module()
class HybridCostVolume(nn.Module):
    """Group-wise cosine correlation beside features compressed by one 1x1 convolution (Wen et al., CVPR 2025).

    Args:
        in_channels: Channels of the features at 1/4.
        groups: Groups of the correlation; divides ``in_channels``.
        concat_channels: Channels that each picture's features are compressed to; 0: correlation alone.
        normalise: Correlate groups of length 1; False: features as they are, as some released files say.
    """

    def __init__(self, *, in_channels: int, groups: int = 8, concat_channels: int = 12,
                 normalise: bool = True) -> None:
        super().__init__()
        if groups < 1 or in_channels % groups:
            raise ValueError(f'HybridCostVolume: {groups} groups do not divide {in_channels} channels')
        self.groups, self.normalise = groups, normalise
        self.out_channels = groups + 2 * concat_channels
        self.compress = nn.Conv2d(in_channels, concat_channels, 1) if concat_channels else None

    def forward(self, left: Tensor, right: Tensor, levels: int) -> Tensor:
        """Features ``(B, C, h, w)`` at 1/4 -> ``(B, out_channels, levels, h, w)``, disparities in quarter-size px."""
        correlation = group_correlation(left, right, groups=self.groups, levels=levels, normalise=self.normalise)
        if self.compress is None:
            return correlation
        return torch.cat([correlation, concat_volume(self.compress(left), self.compress(right), levels=levels)], dim=1)
