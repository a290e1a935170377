"""Blocks of YOLOv5 6.x, written from the published diagrams of its layers."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn


def scaled_width(channels: int, width: float) -> int:
    """``channels * width``, rounded up to a multiple of 8."""
    return math.ceil(channels * width / 8) * 8


def scaled_depth(blocks: int, depth: float) -> int:
    """``blocks * depth``, rounded, at least 1."""
    return max(round(blocks * depth), 1)


class ConvBNSiLU(nn.Sequential):
    """Convolution without bias, batch norm (eps 1e-3, momentum 0.03), SiLU: ``(B, in, H, W)`` -> ``(B, out, H/stride,
    W/stride)``.

    Args:
        in_channels, out_channels: Channels.
        kernel, stride: Of the convolution.
        padding: None: ``kernel // 2``.
        groups: Of the convolution.
        act: Whether SiLU follows.
    """

    def __init__(self, *, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1,
                 padding: int | None = None, groups: int = 1, act: bool = True) -> None:
        padding = kernel // 2 if padding is None else padding
        super().__init__(OrderedDict(
            conv=nn.Conv2d(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False),
            norm=nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.03),
            act=nn.SiLU(inplace=True) if act else nn.Identity()))


class Bottleneck(nn.Module):
    """1x1 and 3x3 convolution of equal width, added to the input where ``shortcut`` says so.

    Args:
        channels: In, between and out.
        shortcut: Whether the input is added.
    """

    def __init__(self, *, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.reduce = ConvBNSiLU(in_channels=channels, out_channels=channels)
        self.expand = ConvBNSiLU(in_channels=channels, out_channels=channels, kernel=3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> the same shape."""
        made = self.expand(self.reduce(x))
        return x + made if self.shortcut else made


class C3(nn.Module):
    """Cross-stage partial block with three convolutions (CSPNet, Wang et al., CVPRW 2020).

    Half of the width passes ``blocks`` bottlenecks, half none; both are joined by a 1x1 convolution.

    Args:
        in_channels, out_channels: Channels.
        blocks: Bottlenecks.
        shortcut: Whether they add their input.
    """

    def __init__(self, *, in_channels: int, out_channels: int, blocks: int = 1, shortcut: bool = True) -> None:
        super().__init__()
        hidden = out_channels // 2
        self.main = ConvBNSiLU(in_channels=in_channels, out_channels=hidden)
        self.side = ConvBNSiLU(in_channels=in_channels, out_channels=hidden)
        self.blocks = nn.Sequential(*(Bottleneck(channels=hidden, shortcut=shortcut) for _ in range(blocks)))
        self.out = ConvBNSiLU(in_channels=2 * hidden, out_channels=out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` -> ``(B, out, H, W)``."""
        return self.out(torch.cat([self.blocks(self.main(x)), self.side(x)], 1))


class SPPF(nn.Module):
    """Spatial pyramid pooling by one pooling in a row: 5, 9 and 13 px wide (SPP, He et al., ECCV 2014).

    Args:
        in_channels, out_channels: Channels.
        kernel: Of the pooling, odd.
    """

    def __init__(self, *, in_channels: int, out_channels: int, kernel: int = 5) -> None:
        super().__init__()
        hidden = in_channels // 2
        self.reduce = ConvBNSiLU(in_channels=in_channels, out_channels=hidden)
        self.pool = nn.MaxPool2d(kernel, 1, kernel // 2)
        self.out = ConvBNSiLU(in_channels=4 * hidden, out_channels=out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` -> ``(B, out, H, W)``."""
        parts = [self.reduce(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.out(torch.cat(parts, 1))
