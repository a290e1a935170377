"""Self-attention along the disparity axis of a volume."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.layers.conv3d import Conv3d

Layout = Literal['bhld', 'compat']


class DisparityTransformer(nn.Module):
    """Patches, tokens along disparity, post-norm encoder layers, back to the volume's size (FoundationStereo's DT).

    Every patch of the plane is a sequence of its own, so that attention is global in disparity and local in the plane.
    The sinusoidal table is made for the length at hand: any number of disparities that the patch divides.

    Args:
        in_channels: Of the volume, which are the tokens' width.
        patch: Side of the patches, which the size is divided by.
        patch_groups: Of the patch convolution; 0: depth-wise.
        patch_bias: Whether the patch convolution has a bias.
        patch_act: Whether a leaky ReLU follows its normalisation.
        layers, heads, ffn: Number of encoder layers, heads, width of the feed-forward net (None: as the tokens').
        dropout: In training.
        shortcut: Adds the volume itself to what is given out.
        attn_layout: ``bhld``: tokens attend over disparities. ``compat``: over the heads of one token, which is what
            the released Fast-FoundationStereo weights were trained with; disparities are then not mixed.
    """

    def __init__(self, *, in_channels: int, patch: int = 4, patch_groups: int = 0, patch_bias: bool = True,
                 patch_act: bool = False, layers: int = 4, heads: int = 4, ffn: int | None = None,
                 dropout: float = 0.1, shortcut: bool = False, attn_layout: Layout = 'bhld') -> None:
        super().__init__()
        self.out_channels, self.patch, self.shortcut = in_channels, patch, shortcut
        self.embed = nn.Sequential(
            Conv3d(in_channels, in_channels, patch, patch, groups=patch_groups or in_channels, bias=patch_bias),
            nn.BatchNorm3d(in_channels), nn.LeakyReLU() if patch_act else nn.Identity())
        self.layers = nn.ModuleList(
            EncoderLayer(channels=in_channels, heads=heads, ffn=ffn or in_channels, dropout=dropout,
                         attn_layout=attn_layout) for _ in range(layers))

    def forward(self, volume: Tensor) -> Tensor:
        """``(B, C, D, H, W)`` -> the same size; D, H and W are multiples of the patch."""
        patches = self.embed(volume)
        batch, channels, length, height, width = patches.shape
        tokens = patches.permute(0, 3, 4, 2, 1).reshape(-1, length, channels)
        tokens = tokens + sinusoidal_table(length, channels, device=tokens.device).to(tokens.dtype)
        for layer in self.layers:
            tokens = layer(tokens)
        mixed = tokens.view(batch, height, width, length, channels).permute(0, 4, 3, 1, 2)
        mixed = mixed.contiguous(memory_format=torch.channels_last_3d)  # several times faster to interpolate
        mixed = functional.interpolate(mixed, scale_factor=self.patch, mode='trilinear', align_corners=False)
        return volume + mixed if self.shortcut else mixed


class EncoderLayer(nn.Module):
    """Multi-head self-attention and a feed-forward net with GELU, each normalised after its shortcut.

    Args: as of ``DisparityTransformer``; ``channels`` of the tokens.

    Raises:
        ValueError: the heads do not divide the channels, or no such layout.
    """

    def __init__(self, *, channels: int, heads: int, ffn: int, dropout: float = 0.1,
                 attn_layout: Layout = 'bhld') -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f'{heads} heads do not divide {channels} channels of the disparity transformer')
        if attn_layout not in ('bhld', 'compat'):
            raise ValueError(f"attn_layout is 'bhld' or 'compat', got {attn_layout!r}")
        self.heads, self.attn_layout = heads, attn_layout
        self.query, self.key, self.value, self.out = (nn.Linear(channels, channels) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.feed_forward = nn.Sequential(nn.Linear(channels, ffn), nn.GELU(), nn.Dropout(dropout),
                                          nn.Linear(ffn, channels))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, L, C)`` -> ``(N, L, C)``."""
        tokens = self.norm1(tokens + self.dropout(self._attend(tokens)))
        return self.norm2(tokens + self.dropout(self.feed_forward(tokens)))

    def _attend(self, tokens: Tensor) -> Tensor:
        split = [part(tokens).unflatten(-1, (self.heads, -1)) for part in (self.query, self.key, self.value)]
        if self.attn_layout == 'compat':
            return self.out(functional.scaled_dot_product_attention(*split).flatten(-2))
        mixed = functional.scaled_dot_product_attention(*(part.transpose(1, 2) for part in split))
        return self.out(mixed.transpose(1, 2).flatten(-2))


def sinusoidal_table(length: int, channels: int, device: torch.device | str | None = None) -> Tensor:
    """``(length, channels)`` sines in even channels, cosines in odd ones (Vaswani et al., NeurIPS 2017).

    Made on the device where it is used: a GPU would wait for a copy in every pass, and a CUDA graph cannot hold one.
    """
    place = torch.arange(length, dtype=torch.float32, device=device)[:, None]
    angle = place * 10000.0 ** (-torch.arange(0, channels, 2, dtype=torch.float32, device=device) / channels)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :channels]
