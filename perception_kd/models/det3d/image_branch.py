"""Image neck: feature levels of the backbone brought to one stride and concatenated."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from perception_kd.models.layers import conv
from perception_kd.registry import MODELS


@MODELS.register_module()
class ConcatNeck(BaseModule):
    """Project every level with a 1x1 convolution, resize to the first level's size, concatenate, mix.

    Args:
        in_channels: Channels of the backbone's levels, finest first.
        level_channels: Channels of each projection.
        out_channels: Channels of the result, at the stride of the first level.
        norm_cfg: mmcv's normalisation config.
    """

    def __init__(self, *, in_channels: Sequence[int], level_channels: int, out_channels: int,
                 norm_cfg: dict) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.lateral = torch.nn.ModuleList(
            conv(channels, level_channels, 1, norm_cfg=norm_cfg) for channels in in_channels)
        self.mix = conv(level_channels * len(in_channels), out_channels, norm_cfg=norm_cfg)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Levels ``(B*N, C_i, H_i, W_i)`` -> ``(B*N, out_channels, H_0, W_0)``."""
        size = levels[0].shape[-2:]
        maps = [lateral(level) for lateral, level in zip(self.lateral, levels)]
        maps = [m if m.shape[-2:] == size else
                F.interpolate(m, size=size, mode='bilinear', align_corners=False) for m in maps]
        return self.mix(torch.cat(maps, dim=1))
