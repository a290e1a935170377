"""CBAM: attention over channels, then over places (Woo et al., ECCV 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from perception_kd.distill.taps import tap
from perception_kd.structures import TapSpec


class ChannelAttention(nn.Module):
    """``M_c = sigmoid(MLP(mean F) + MLP(max F))``, MLP: C -> C/r -> C with one ReLU and without biases (Woo, eq. 2).

    Args:
        channels: C.
        ratio: r.
        min_hidden: Least width between the two layers; 8 spares a map of 64 channels a bottleneck of 4.
    """

    def __init__(self, *, channels: int, ratio: int = 16, min_hidden: int = 1) -> None:
        super().__init__()
        if channels < 1 or ratio < 1 or min_hidden < 1:
            raise ValueError(f'CBAM: channels, ratio, min_hidden are 1 or more, got {channels}, {ratio}, {min_hidden}')
        hidden = max(channels // ratio, min_hidden)
        self.reduce = nn.Conv2d(channels, hidden, 1, bias=False)
        self.expand = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> ``(B, C, 1, 1)`` in (0, 1)."""
        pooled = (x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))
        return sum(self.expand(torch.relu(self.reduce(part))) for part in pooled).sigmoid()


class SpatialAttention(nn.Module):
    """``M_s = sigmoid(conv_kxk [mean over channels; max over channels])``, without bias (Woo, eq. 3).

    Args:
        kernel: k, odd.
    """

    def __init__(self, *, kernel: int = 7) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f'CBAM: kernel is odd, got {kernel}')
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> ``(B, 1, H, W)`` in (0, 1)."""
        return self.conv(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)).sigmoid()


class CBAM(nn.Module):
    """``F' = M_c(F) F``, ``F'' = M_s(F') F'``.

    Args:
        channels: C.
        ratio, min_hidden: Of the channel attention.
        kernel: Of the spatial attention.
        place: Names the taps ``attention_PLACE`` (M_s) and ``channel_attention_PLACE`` (M_c); None: no taps.
    """

    def __init__(self, *, channels: int, ratio: int = 16, kernel: int = 7, min_hidden: int = 1,
                 place: str | None = None) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels=channels, ratio=ratio, min_hidden=min_hidden)
        self.spatial = SpatialAttention(kernel=kernel)
        self.channels, self.place = channels, place

    def tap_specs(self, stride: int) -> list[TapSpec]:
        """Declarations, for a map of ``stride``."""
        if self.place is None:
            return []
        return [TapSpec(f'attention_{self.place}', 'image', 1, f'spatial attention of CBAM at {self.place}, in (0, 1)',
                        stride=stride),
                TapSpec(f'channel_attention_{self.place}', 'vector', self.channels,
                        f'channel attention of CBAM at {self.place}, in (0, 1)')]

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> the same shape."""
        channel = self.channel(x)
        x = channel * x
        spatial = self.spatial(x)
        if self.place is not None:
            tap(f'channel_attention_{self.place}', channel.flatten(1))
            spatial = tap(f'attention_{self.place}', spatial)
        return spatial * x
