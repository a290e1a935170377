"""Radar points to BEV pillars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.models.det3d.radar_strength import RADAR_CHANNELS, check_clouds, points_on_grid, radar_strength
from perception_kd.models.layers import ResidualBlock, conv, pillar_scatter
from perception_kd.registry import MODELS
from perception_kd.structures import BEVGrid

SPEED_SCALE, RANGE_SCALE = 5.0, 25.0  # m/s and m that become about 1


class RadarMaps(NamedTuple):
    """What the radar branch gives.

    Attributes:
        bev: ``(B, C, ny, nx)``.
        occupancy: ``(B, 1, ny, nx)``, 1 where a cell holds a point, else 0.
        intensity: ``(B, 1, ny, nx)``, largest RCS of a cell scaled to [0, 1]; 0 where empty.
    """

    bev: Tensor
    occupancy: Tensor
    intensity: Tensor


@MODELS.register_module()
class RadarPillarEncoder(BaseModule):
    """Point network, scatter by maximum, residual convolutions on the BEV grid.

    The point network normalises each point by itself (LayerNorm): a batch may hold one point or none, where
    batch statistics would fail. Points with a value that is not finite, or off the grid, are dropped.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m. Height does not drop a point
            (most radars measure none).
        cell: BEV cell in metres.
        point_channels: Of the point network.
        out_channels: Of the BEV map.
        blocks: Residual blocks after the first convolution.
        rcs_mean, rcs_std: Of the radar's strength column; by default dBsm over nuScenes, as CRN has them.
        rcs_range: Strengths that the physical intensity map calls 0 and 1.
        norm_cfg: mmcv's normalisation config of the convolutions.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], cell: float, point_channels: int = 32,
                 out_channels: int = 32, blocks: int = 1, rcs_mean: float = 4.783, rcs_std: float = 7.576,
                 rcs_range: Sequence[float] = (-10.0, 40.0), norm_cfg: dict) -> None:
        super().__init__()
        self.rcs_mean, self.rcs_std, self.rcs_range = rcs_mean, rcs_std, tuple(rcs_range)
        self.grid = BEVGrid.from_range(point_cloud_range, cell)
        self.out_channels = out_channels
        self.point_net = nn.Sequential(
            nn.Linear(RADAR_CHANNELS + 3, point_channels), nn.LayerNorm(point_channels), nn.ReLU(),
            nn.Linear(point_channels, point_channels), nn.LayerNorm(point_channels), nn.ReLU())
        self.stem = conv(point_channels + 1, out_channels, norm_cfg=norm_cfg)
        self.blocks = nn.Sequential(*(
            ResidualBlock(in_channels=out_channels, out_channels=out_channels, norm_cfg=norm_cfg)
            for _ in range(blocks)))

    def forward(self, radar: Sequence[Tensor]) -> RadarMaps:
        """Args: ``radar``, one ``(M, 7)`` cloud a sample (x, y, z, rcs, vx_comp, vy_comp, dt); M may be 0."""
        points, cell = self._on_grid(radar)
        rows = len(radar) * self.grid.nx * self.grid.ny + 1  # one for the points that are nowhere
        pillars = pillar_scatter(self.point_net(self._decorate(points, cell)), cell, rows)
        ones = pillar_scatter(torch.ones_like(points[:, :1]), cell, rows, reduce='sum')
        bev = self._map(torch.cat([pillars, torch.log1p(ones).to(pillars.dtype)], dim=1), len(radar))
        bev = self.blocks(self.stem(bev))
        occupancy = (ones > 0).to(ones.dtype)
        return RadarMaps(bev, self._map(occupancy, len(radar)), radar_strength(radar, self.grid, self.rcs_range))

    def _on_grid(self, radar: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        check_clouds(radar)
        return points_on_grid(radar, self.grid)

    def _decorate(self, points: Tensor, cell: Tensor) -> Tensor:
        """``(M, 7)`` -> ``(M, 10)``: offset to the cell centre in cells, and every column near unit scale."""
        centres = self.grid.centres(points.device).view(-1, 2)
        offset = (points[:, :2] - centres[cell % len(centres)]) / self.grid.cell
        velocity = points[:, 4:6] / SPEED_SCALE
        return torch.cat([
            offset, points[:, :2] / RANGE_SCALE, points[:, 2:3],
            (points[:, 3:4] - self.rcs_mean) / self.rcs_std, velocity,
            velocity.norm(dim=1, keepdim=True), points[:, 6:7]], dim=1)

    def _map(self, rows: Tensor, batch: int) -> Tensor:
        return rows[:-1].view(batch, *self.grid.shape, -1).permute(0, 3, 1, 2).contiguous()
