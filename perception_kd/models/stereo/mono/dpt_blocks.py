"""Convolution blocks of the DPT decoder (Ranftl et al., ICCV 2021), with the parameter names of its public weights."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ResidualConvUnit(nn.Module):
    """``x + conv(relu(conv(relu(x))))``, 3x3.

    Args:
        channels: In and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` -> the same shape."""
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class FusionBlock(nn.Module):
    """Adds a finer map to what came from coarser ones, refines, and resizes for the next level.

    Args:
        channels: Of every map.
        merges: False leaves out the unit of the finer map, for the coarsest level. The public weights have it there,
            too, unused.
    """

    def __init__(self, channels: int, merges: bool = True) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(channels, channels, 1)
        if merges:
            self.resConfUnit1 = ResidualConvUnit(channels)
        self.resConfUnit2 = ResidualConvUnit(channels)

    def forward(self, coarse: Tensor, fine: Tensor | None = None, size: tuple[int, int] | None = None) -> Tensor:
        """Fused map ``(B, C, *size)``.

        Args:
            coarse: ``(B, C, h, w)``.
            fine: The level's own map, of the same shape; None at the coarsest level.
            size: Of the result; None: that of ``coarse``.
        """
        if fine is not None:
            coarse = coarse + self.resConfUnit1(fine)
        fused = self.resConfUnit2(coarse)
        if size is not None and tuple(size) != tuple(fused.shape[-2:]):
            fused = F.interpolate(fused, size=size, mode='bilinear', align_corners=True)
        return self.out_conv(fused)
