"""Deformable cross-attention: every query reads a few points of every map, wherever it finds them useful.

Deformable DETR's sampling (Zhu et al., ICLR 2021) with maps of several modalities in place of several scales: the
weights of all points of all maps sum to one (CRN, Kim et al., ICCV 2023). Stock PyTorch on every device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from perception_kd.models.layers.deformable_bags import bag_sample


def deformable_sample(values: Sequence[Tensor], places: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of bilinear samples; an fp32 island under autocast.

    Args:
        values: M maps ``(B, heads * dim, H_m, W_m)``.
        places: ``(B, Q, heads, M, P, 2)`` x, y as parts of width and height: ``[0, 1]`` spans the map, cell centres lie
            at ``(i + 0.5) / size``. Outside the map there are zeros.
        weights: ``(B, Q, heads, M, P)``.

    Returns:
        ``(B, Q, heads * dim)``, float32 (float64 for float64 places).
    """
    exact = torch.float64 if places.dtype == torch.float64 else torch.float32
    # Bags were measured on CPUs alone, and ONNX has none.
    sample = bag_sample if places.device.type == 'cpu' and not torch.compiler.is_compiling() else grid_sample
    with torch.autocast(places.device.type, enabled=False):
        return sample([value.to(exact) for value in values], places.to(exact), weights.to(exact))


def grid_sample(values: Sequence[Tensor], places: Tensor, weights: Tensor) -> Tensor:
    """:func:`deformable_sample` by PyTorch's ``grid_sample``, in the dtype of its arguments."""
    batch, queries, heads, _, points, _ = places.shape
    grid = (2 * places - 1).permute(3, 0, 2, 1, 4, 5).flatten(1, 2)  # (M, B*heads, Q, P, 2)
    shares = weights.permute(3, 0, 2, 1, 4).reshape(len(values), batch * heads, 1, queries, points)
    total = None
    for value, where, share in zip(values, grid, shares, strict=True):
        folded = value.reshape(batch * heads, -1, *value.shape[-2:])
        sampled = F.grid_sample(folded, where, mode='bilinear', padding_mode='zeros', align_corners=False)
        part = (sampled * share).sum(-1)
        total = part if total is None else total + part
    return total.reshape(batch, -1, queries).transpose(1, 2)


def deformable_sample_reference(values: Sequence[Tensor], places: Tensor, weights: Tensor) -> Tensor:
    """The same, point by point and corner by corner. Arguments and result as for ``deformable_sample``."""
    batch, queries, heads, _, points, _ = places.shape
    total = [places.new_zeros(batch, queries, values[0].shape[1] // heads) for _ in range(heads)]
    for index, value in enumerate(values):
        flat = value.reshape(batch, heads, -1, value.shape[-2] * value.shape[-1])
        for head in range(heads):
            for point in range(points):
                picked = _bilinear(flat[:, head], places[:, :, head, index, point], value.shape[-2:])
                total[head] = total[head] + weights[:, :, head, index, point, None] * picked
    return torch.cat(total, dim=-1)


def _bilinear(flat: Tensor, place: Tensor, size: tuple[int, int]) -> Tensor:
    """``(B, dim, H * W)`` at ``(B, Q, 2)`` -> ``(B, Q, dim)``."""
    x, y = place[..., 0] * size[1] - 0.5, place[..., 1] * size[0] - 0.5
    out = flat.new_zeros(place.shape[0], place.shape[1], flat.shape[1])
    for right in (0, 1):
        for below in (0, 1):
            column, row = x.detach().floor() + right, y.detach().floor() + below
            inside = (column >= 0) & (column < size[1]) & (row >= 0) & (row < size[0])
            share = (1 - (x - column).abs()) * (1 - (y - row).abs()) * inside
            cell = torch.where(inside, row * size[1] + column, torch.zeros_like(row)).long()
            corner = flat.gather(2, cell[:, None].expand(-1, flat.shape[1], -1))
            out = out + share[..., None] * corner.transpose(1, 2)
    return out


class DeformableCrossAttention(nn.Module):
    """Queries read maps of several modalities; no output projection.

    At the start every query looks around itself, each head in a direction of its own, with equal weights.

    Args:
        channels: Of the queries and of the result.
        map_channels: Channels of each map.
        heads: Attention heads; they divide ``channels``.
        points: Points of each head on each map.
    """

    def __init__(self, *, channels: int, map_channels: Sequence[int], heads: int = 4, points: int = 4) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f'DeformableCrossAttention: {heads} heads do not divide {channels} channels')
        self.heads, self.maps, self.points = heads, len(map_channels), points
        self.values = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in map_channels)
        self.offsets = nn.Linear(channels, heads * self.maps * points * 2)
        self.weights = nn.Linear(channels, heads * self.maps * points)
        self._start()

    def _start(self) -> None:
        for layer in (self.offsets, self.weights):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        angle = torch.arange(self.heads) * (2 * math.pi / self.heads)
        direction = torch.stack([angle.cos(), angle.sin()], -1)
        direction = direction / direction.abs().amax(-1, keepdim=True)
        steps = torch.arange(1, self.points + 1)[:, None] * direction[:, None, None]  # (heads, 1, points, 2) cells
        with torch.no_grad():
            self.offsets.bias.copy_(steps.expand(-1, self.maps, -1, -1).flatten())
        for value in self.values:
            nn.init.xavier_uniform_(value.weight)
            nn.init.zeros_(value.bias)

    def forward(self, query: Tensor, places: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Args: ``query`` ``(B, Q, channels)``; ``places`` ``(Q, 2)``, each query's own x, y as parts of width and
        height; ``maps`` ``(B, C_m, H_m, W_m)``.

        Returns:
            ``(B, Q, channels)``.
        """
        batch, queries, _ = query.shape
        shape = (batch, queries, self.heads, self.maps, self.points)
        size = places.new_tensor([[m.shape[-1], m.shape[-2]] for m in maps])[:, None]  # (M, 1, 2)
        # In half precision a place near 1 is off by half a cell of 128: offsets join it in full precision.
        offsets = self.offsets(query).to(places.dtype).view(*shape, 2) / size
        weights = self.weights(query).to(places.dtype).view(*shape[:3], -1).softmax(-1).view(shape)
        values = [project(m) for project, m in zip(self.values, maps, strict=True)]
        return deformable_sample(values, places[:, None, None, None] + offsets, weights)
