"""The two blocks of EdgeNeXt: convolution encoder, and split depth-wise transposed attention."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

EPS = 1e-6


class ChannelLayerNorm(nn.LayerNorm):
    """LayerNorm over the channels of every pixel of a map ``(B, C, H, W)``."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class PointwiseMLP(nn.Module):
    """Two linear layers with GELU between them, on the last axis: ``(..., C)`` -> ``(..., C)``."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return self.fc2(self.act(self.fc1(x)))


class ConvEncoder(nn.Module):
    """Depth-wise convolution, LayerNorm, inverted bottleneck, scaled and added to the input (Maaz et al., eq. 1).

    Args:
        channels: Of input and output.
        kernel: Of the depth-wise convolution, odd.
        expand: Hidden channels of the bottleneck over ``channels``.
        layer_scale: What the learned scale of the branch starts from.
    """

    def __init__(self, *, channels: int, kernel: int, expand: float, layer_scale: float) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPS)
        self.mlp = PointwiseMLP(channels, int(expand * channels))
        self.gamma = nn.Parameter(layer_scale * torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> the same shape."""
        branch = self.mlp(self.norm(self.conv_dw(x).permute(0, 2, 3, 1)))
        return x + (self.gamma * branch).permute(0, 3, 1, 2)


class FourierPosition(nn.Module):
    """Sines and cosines of where a pixel lies in its picture, brought to the width of the map by a 1x1 convolution.

    Rows and columns are counted from 1 and divided by their number, so that the last one is at ``2 pi``; frequencies
    fall geometrically from 1 to nearly 1/10000 (the encoding of Vaswani et al., NeurIPS 2017, in two dimensions).

    Args:
        channels: Of the result.
        hidden: Of the encoding of each axis, even.
    """

    def __init__(self, *, channels: int, hidden: int = 32) -> None:
        super().__init__()
        self.hidden = hidden
        self.token_projection = nn.Conv2d(2 * hidden, channels, 1)

    def forward(self, height: int, width: int) -> Tensor:
        """Encoding ``(1, channels, height, width)``."""
        rows, columns = (self._encoded(count) for count in (height, width))
        grid = torch.cat([rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)], dim=-1)
        return self.token_projection(grid.permute(2, 0, 1)[None].to(self.token_projection.weight.dtype))

    def _encoded(self, count: int) -> Tensor:
        """``(count, hidden)``: sines on even, cosines on odd places."""
        device = self.token_projection.weight.device
        angle = torch.arange(1, count + 1, device=device) * (2 * math.pi / (count + EPS))
        wavelength = 10000 ** (torch.arange(0, self.hidden, 2, device=device) / self.hidden)
        phase = angle[:, None] / wavelength
        return torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(1)


class TransposedAttention(nn.Module):
    """Attention across channels, linear in the number of pixels (El-Nouby et al., XCiT, NeurIPS 2021).

    Args:
        channels: Of the tokens.
        heads: Groups of channels that attend among themselves; divides ``channels``.
    """

    def __init__(self, *, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f'EdgeNeXt: {heads} heads do not divide {channels} channels')
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens ``(B, N, C)`` -> the same shape."""
        batch, tokens, channels = x.shape
        parts = self.qkv(x).reshape(batch, tokens, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 4, 1)  # each (B, heads, C / heads, N)
        query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
        weights = (query @ key.transpose(-2, -1) * self.temperature).softmax(dim=-1)
        return self.proj((weights @ value).permute(0, 3, 1, 2).reshape(batch, tokens, channels))


class SplitAttentionEncoder(nn.Module):
    """Split depth-wise transposed attention (SDTA) encoder (Maaz et al., section 3.2).

    Channels are split into ``scales`` parts; each but the last passes a 3x3 depth-wise convolution together with what
    came out of the part before it; then the channels attend to each other, and an inverted bottleneck follows.

    Args:
        channels: Of input and output.
        scales: Parts, 2 or more.
        heads: Of the attention.
        expand, layer_scale: As in :class:`ConvEncoder`.
        position: Adds the place of a pixel to it before the attention.
    """

    def __init__(self, *, channels: int, scales: int, heads: int, expand: float, layer_scale: float,
                 position: bool) -> None:
        super().__init__()
        width = math.ceil(channels / scales)
        if scales < 2 or width * (scales - 1) >= channels:
            raise ValueError(f'EdgeNeXt: {channels} channels cannot be split into {scales} parts; scales is 2 or more')
        self.widths = [width] * (scales - 1) + [channels - width * (scales - 1)]
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, groups=width) for _ in range(scales - 1))
        self.pos_embd = FourierPosition(channels=channels) if position else None
        self.norm_xca = nn.LayerNorm(channels, eps=EPS)
        self.gamma_xca = nn.Parameter(layer_scale * torch.ones(channels))
        self.xca = TransposedAttention(channels=channels, heads=heads)
        self.norm = nn.LayerNorm(channels, eps=EPS)
        self.mlp = PointwiseMLP(channels, int(expand * channels))
        self.gamma = nn.Parameter(layer_scale * torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` -> the same shape."""
        mixed = self._mixed(x)
        if self.pos_embd is not None:
            mixed = mixed + self.pos_embd(*x.shape[-2:])
        tokens = mixed.flatten(2).transpose(1, 2)
        tokens = tokens + self.gamma_xca * self.xca(self.norm_xca(tokens))
        branch = self.gamma * self.mlp(self.norm(tokens))
        return x + branch.transpose(1, 2).reshape(x.shape)

    def _mixed(self, x: Tensor) -> Tensor:
        *parts, last = x.split(self.widths, dim=1)
        outputs: list[Tensor] = []
        for part, conv in zip(parts, self.convs):
            outputs.append(conv(part + outputs[-1] if outputs else part))
        return torch.cat([*outputs, last], dim=1)
