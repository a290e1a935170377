"""Ways to make one BEV map of several by convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from perception_kd.models.layers import conv


class ConvMerge(nn.Module):
    """Concatenate and convolve.

    Args:
        in_channels: Of each map.
        out_channels: Of the result.
        convs: Number of 3x3 convolutions.
        norm_cfg: mmcv's normalisation config.
    """

    def __init__(self, *, in_channels: Sequence[int], out_channels: int, convs: int = 1, norm_cfg: dict) -> None:
        super().__init__()
        widths = [sum(in_channels)] + [out_channels] * convs
        self.convs = nn.Sequential(*(conv(a, b, norm_cfg=norm_cfg) for a, b in pairwise(widths)))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps ``(B, C_m, ny, nx)`` -> ``(B, out_channels, ny, nx)``."""
        return self.convs(torch.cat(list(maps), dim=1))


class ChannelGateMerge(ConvMerge):
    """Every map times a gate of its own shape that all maps decide on (``gate``), then as ``ConvMerge``.

    The gated fusion of CRKD's teacher and student (Zhao et al., CVPR 2024): ``F_m * sigmoid(conv([F_1; F_2]))``.
    Arguments as for ``ConvMerge``.
    """

    def __init__(self, *, in_channels: Sequence[int], out_channels: int, convs: int = 1, norm_cfg: dict) -> None:
        super().__init__(in_channels=in_channels, out_channels=out_channels, convs=convs, norm_cfg=norm_cfg)
        self.gates = nn.ModuleList(nn.Conv2d(sum(in_channels), width, 3, padding=1) for width in in_channels)

    def gate(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps ``(B, C_m, ny, nx)`` times their gates."""
        together = torch.cat(list(maps), dim=1)
        return [m * gate(together).sigmoid() for m, gate in zip(maps, self.gates, strict=True)]


class AdaptiveGateMerge(nn.Module):
    """A sum of the projected maps, weighed per channel and cell by gates that look at their plain sum.

    The radar-camera gating of CRT-Fusion (Kim et al., NeurIPS 2024).

    Args:
        in_channels: Of each map.
        out_channels: Of the result.
        norm_cfg: mmcv's normalisation config.
    """

    def __init__(self, *, in_channels: Sequence[int], out_channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.projections = nn.ModuleList(conv(width, out_channels, norm_cfg=norm_cfg) for width in in_channels)
        self.gates = nn.ModuleList(nn.Conv2d(out_channels, out_channels, 3, padding=1) for _ in in_channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps ``(B, C_m, ny, nx)`` -> ``(B, out_channels, ny, nx)``."""
        projected = [project(m) for m, project in zip(maps, self.projections, strict=True)]
        together = sum(projected)
        return sum(m * gate(together).sigmoid() for m, gate in zip(projected, self.gates))
