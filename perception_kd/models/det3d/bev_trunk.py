"""The convolutional trunk on the fused BEV map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from perception_kd.models.layers import ResidualBlock, conv
from perception_kd.registry import MODELS


@MODELS.register_module()
class BEVTrunk(BaseModule):
    """Residual stages of halving size, each brought back to the first size and concatenated.

    Args:
        in_channels: Of the fused map.
        channels: Of each stage; the first keeps the size, every further one halves it.
        blocks: Residual blocks of each stage.
        up_channels: Of each stage's contribution to the result.
        norm_cfg: mmcv's normalisation config.
    """

    def __init__(self, *, in_channels: int, channels: Sequence[int], blocks: Sequence[int], up_channels: int,
                 norm_cfg: dict) -> None:
        super().__init__()
        self.out_channels = up_channels * len(channels)
        self.stages = nn.ModuleList()
        for index, (width, depth) in enumerate(zip(channels, blocks, strict=True)):
            layers = [ResidualBlock(in_channels=in_channels, out_channels=width, stride=2 if index else 1,
                                    norm_cfg=norm_cfg)]
            layers += [ResidualBlock(in_channels=width, out_channels=width, norm_cfg=norm_cfg)
                       for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(*layers))
            in_channels = width
        self.ups = nn.ModuleList(conv(width, up_channels, 1, norm_cfg=norm_cfg) for width in channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, ny, nx)`` -> ``(B, up_channels * stages, ny, nx)``."""
        maps = []
        for stage, up in zip(self.stages, self.ups):
            x = stage(x)
            maps.append(up(x))
        size = maps[0].shape[-2:]
        return torch.cat([maps[0]] + [
            F.interpolate(m, size=size, mode='bilinear', align_corners=False) for m in maps[1:]], dim=1)
