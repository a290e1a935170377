"""The DINOv2 vision transformer (Oquab et al., TMLR 2024), as far as DepthAnythingV2 runs it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 14
TRAINED_PATCHES = 37  # along the side of the pictures of 518 px that the weights were trained on
_OFFSET = 0.1  # patches; the table of positions was enlarged with it when the weights were trained


class DINOv2(nn.Module):
    """Patches, a class token, learned positions, and pre-norm blocks with scaled branches.

    Parameters are named as in the public weights (``patch_embed.proj``, ``blocks.0.attn.qkv``, ``blocks.0.ls1.gamma``).

    Args:
        channels: Width.
        depth: Blocks.
        heads: Of the attention.
    """

    def __init__(self, *, channels: int, depth: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f'DINOv2: {channels} channels do not divide into {heads} heads')
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, channels, PATCH, PATCH)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.mask_token = nn.Parameter(torch.zeros(1, channels))  # of the pretraining; in the weights, not run
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + TRAINED_PATCHES ** 2, channels))
        self.blocks = nn.ModuleList(_Block(channels, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def forward(self, images: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Normalised tokens of patches after the blocks numbered ``layers``: maps ``(B, channels, H/14, W/14)``.

        Args:
            images: ``(B, 3, H, W)``, normalised; H and W multiples of 14.
            layers: Ascending, from 0.

        Raises:
            ValueError: another size.
        """
        if images.shape[-2] % PATCH or images.shape[-1] % PATCH:
            raise ValueError(f'DINOv2: pictures of {images.shape[-2]}x{images.shape[-1]} px; resize them to multiples '
                             f'of {PATCH}')
        patches = self.patch_embed.proj(images)
        size = patches.shape[-2:]
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        x = x + self._positions(*size).to(x.dtype)
        found = []
        for index, block in enumerate(self.blocks[:layers[-1] + 1]):
            x = block(x)
            if index in layers:
                found.append(self.norm(x)[:, 1:].transpose(1, 2).unflatten(2, size))
        return found

    def _positions(self, height: int, width: int) -> Tensor:
        """The table ``(1, 1 + height * width, channels)`` enlarged to other pictures."""
        if height == width == TRAINED_PATCHES:
            return self.pos_embed
        table = self.pos_embed.float()
        grid = table[:, 1:].transpose(1, 2).unflatten(2, (TRAINED_PATCHES, TRAINED_PATCHES))
        scale = tuple((count + _OFFSET) / TRAINED_PATCHES for count in (height, width))
        grid = F.interpolate(grid, scale_factor=scale, mode='bicubic')
        return torch.cat([table[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)


class _Scale(nn.Module):
    """A learned factor for each channel of a branch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class _Attention(nn.Module):
    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, N, C)`` -> the same shape."""
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class _Block(nn.Module):
    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(channels, eps=1e-6) for _ in range(2))
        self.attn = _Attention(channels, heads)
        self.ls1, self.ls2 = (_Scale(channels) for _ in range(2))
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, N, C)`` -> the same shape."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp.fc2(F.gelu(self.mlp.fc1(self.norm2(x)))))
