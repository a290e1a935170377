"""CRN's multi-modal feature aggregation: cells of the BEV map read all modalities by deformable attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from perception_kd.models.layers import DeformableCrossAttention


class AttentionMerge(nn.Module):
    """One query a cell, made of all modalities there, looks around in all maps (MFA of CRN, Kim et al., ICCV 2023).

    The maps come normalised (and gated). Layers normalise after each addition; there is no projection at the end.

    Args:
        in_channels: Of each map.
        out_channels: Of the queries and of the result; even, and divided by ``heads``.
        bev_shape: ``(ny, nx)`` of the maps.
        layers, heads, points: Of the attention; ``points`` on each map.
        hidden: Of the feed-forward part; None: twice ``out_channels``.
        dropout: After attention and in the feed-forward part.

    Raises:
        ValueError: No ``bev_shape``, or channels that do not divide.
    """

    def __init__(self, *, in_channels: Sequence[int], out_channels: int, bev_shape: Sequence[int] | None,
                 layers: int = 6, heads: int = 4, points: int = 4, hidden: int | None = None,
                 dropout: float = 0.1) -> None:
        super().__init__()
        if bev_shape is None:
            raise ValueError('fusion by attention learns positions and needs bev_shape=(ny, nx) of its maps')
        if out_channels % 2:
            raise ValueError(f'fusion by attention needs an even number of out_channels, got {out_channels}')
        self.bev_shape = ny, nx = tuple(bev_shape)
        self.project = nn.Linear(sum(in_channels), out_channels)
        self.rows = nn.Parameter(torch.empty(ny, out_channels // 2))
        self.columns = nn.Parameter(torch.empty(nx, out_channels // 2))
        self.layers = nn.ModuleList(_Layer(
            channels=out_channels, map_channels=in_channels, heads=heads, points=points,
            hidden=hidden or 2 * out_channels, dropout=dropout) for _ in range(layers))
        for weight in (self.project.weight, self.rows, self.columns):
            nn.init.xavier_uniform_(weight)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps ``(B, C_m, ny, nx)`` -> ``(B, out_channels, ny, nx)``."""
        if any(tuple(m.shape[-2:]) != self.bev_shape for m in maps):
            raise ValueError(f'fusion by attention was built for {self.bev_shape} cells, the maps have '
                             f'{[tuple(m.shape[-2:]) for m in maps]}')
        query = self.project(torch.cat(list(maps), dim=1).flatten(2).transpose(1, 2))
        position, places = self._positions(), self._places()
        for layer in self.layers:
            query = layer(query, position, places, maps)
        return query.transpose(1, 2).reshape(query.shape[0], -1, *self.bev_shape)

    def _positions(self) -> Tensor:
        """``(ny * nx, out_channels)``: half of the channels tell the column, half the row."""
        ny, nx = self.bev_shape
        return torch.cat([self.columns.repeat(ny, 1), self.rows.repeat_interleave(nx, 0)], dim=1)

    def _places(self) -> Tensor:
        """``(ny * nx, 2)`` cell centres as parts of width and height."""
        (ny, nx), device = self.bev_shape, self.rows.device
        down, right = ((torch.arange(count, device=device) + 0.5) / count for count in (ny, nx))
        y, x = torch.meshgrid(down, right, indexing='ij')
        return torch.stack([x, y], dim=-1).view(-1, 2)


class _Layer(nn.Module):
    """Attention and a feed-forward part, each added to the queries and normalised."""

    def __init__(self, *, channels: int, map_channels: Sequence[int], heads: int, points: int, hidden: int,
                 dropout: float) -> None:
        super().__init__()
        self.attention = DeformableCrossAttention(
            channels=channels, map_channels=map_channels, heads=heads, points=points)
        self.feed_forward = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout), nn.Linear(hidden, channels),
            nn.Dropout(dropout))
        self.dropout = nn.Dropout(dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        for layer in (self.feed_forward[0], self.feed_forward[3]):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, query: Tensor, position: Tensor, places: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """``(B, Q, channels)`` -> the same shape."""
        query = self.norms[0](query + self.dropout(self.attention(query + position, places, maps)))
        return self.norms[1](query + self.feed_forward(query))
