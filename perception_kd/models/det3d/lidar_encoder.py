"""LiDAR points to a BEV map, as one modality beside cameras and radars."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.models.det3d.radar_strength import points_on_grid
from perception_kd.models.layers import PillarFeatureNet, ResidualBlock, pillar_scatter
from perception_kd.registry import MODELS
from perception_kd.structures import BEVGrid

COLUMNS = 5  # x, y, z, intensity (0 to 255), dt
DECORATED = COLUMNS + 5  # and the offset to the mean of the pillar's points (3) and to the pillar's centre (2)
RANGE_SCALE, FULL_SCALE = 25.0, 255.0  # m that become about 1; strongest return


@MODELS.register_module()
class LidarPillarEncoder(BaseModule):
    """Pillars of every point there is (Lang et al., CVPR 2019), brought to the BEV grid by residual stages.

    Pillars are finer than BEV cells; the first stages halve the map until their cells are equal. Points that are not
    finite, off the grid or out of the height range are dropped; a cloud may be empty.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m.
        cell: BEV cell in metres.
        pillars_per_cell: Pillars along the side of a cell, a power of two.
        point_channels: Of the pillar feature net's layers.
        channels: Of each stage; the last are the map's.
        blocks: Residual blocks of each stage.
        norm_cfg: mmcv's normalisation config of the convolutions.
        point_norm_cfg: Of the point network.

    Raises:
        ValueError: Pillars that do not halve into cells, or too few stages to do it.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], cell: float, pillars_per_cell: int = 2,
                 point_channels: Sequence[int] = (64,), channels: Sequence[int] = (64, 128),
                 blocks: Sequence[int] = (2, 2), norm_cfg: dict, point_norm_cfg: dict | None = None) -> None:
        super().__init__()
        halvings = round(math.log2(max(pillars_per_cell, 1)))
        if 2 ** halvings != pillars_per_cell or halvings > len(channels):
            raise ValueError(f'LidarPillarEncoder: pillars_per_cell is a power of two that {len(channels)} stages can '
                             f'halve to 1, got {pillars_per_cell}')
        self.grid = BEVGrid.from_range(point_cloud_range, cell)
        self.pillars = BEVGrid.from_range(point_cloud_range, cell / pillars_per_cell)
        self.z_range = (float(point_cloud_range[2]), float(point_cloud_range[5]))
        self.point_net = PillarFeatureNet(
            in_channels=DECORATED, channels=point_channels,
            norm_cfg=point_norm_cfg or dict(type='BN1d', eps=1e-3, momentum=0.1))
        stages, below = [], self.point_net.out_channels
        for index, (width, depth) in enumerate(zip(channels, blocks, strict=True)):
            for number in range(depth):
                stride = 2 if number == 0 and index < halvings else 1
                stages.append(ResidualBlock(in_channels=below, out_channels=width, stride=stride, norm_cfg=norm_cfg))
                below = width
        self.stages, self.out_channels = nn.Sequential(*stages), below

    def forward(self, clouds: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Args: ``clouds``, one ``(P, 5)`` a sample: x, y, z, intensity, dt; P may be 0.

        Returns:
            The map ``(B, C, ny, nx)``, and its physical maps ``(B, 2, ny, nx)`` in [0, 1]: where a cell holds a point,
            and the logarithm of its strongest return.
        """
        for sample, cloud in enumerate(clouds):
            if cloud.dim() != 2 or cloud.shape[1] != COLUMNS:
                raise ValueError(f'LiDAR cloud of sample {sample} is {tuple(cloud.shape)}, expected (P, {COLUMNS}): '
                                 'x, y, z, intensity, dt')
        points, pillar = self._on_grid(clouds, self.pillars)
        rows = self.point_net(self._decorate(points, pillar), pillar, len(clouds) * self.pillars.ny * self.pillars.nx)
        bev = self.stages(_as_map(rows, len(clouds), self.pillars))
        return bev, self._physical(clouds)

    def _on_grid(self, clouds: Sequence[Tensor], grid: BEVGrid) -> tuple[Tensor, Tensor]:
        """All usable points ``(M, 5)`` of a batch and their cells ``(M,)``, counted through the samples."""
        points, cell = points_on_grid(clouds, grid)
        usable = (cell < len(clouds) * grid.ny * grid.nx) & (points[:, 2] >= self.z_range[0])
        usable &= points[:, 2] < self.z_range[1]
        return points[usable], cell[usable]

    def _decorate(self, points: Tensor, pillar: Tensor) -> Tensor:
        """``(M, 5)`` -> ``(M, 10)``, every column near unit scale."""
        _, own = torch.unique(pillar, return_inverse=True)
        mean = pillar_scatter(points[:, :3], own, int(own.max()) + 1 if len(own) else 0, reduce='mean')
        centres = self.pillars.centres(points.device).view(-1, 2)
        offset = (points[:, :2] - centres[pillar % len(centres)]) / self.pillars.cell
        return torch.cat([points[:, :2] / RANGE_SCALE, points[:, 2:3], points[:, 3:4] / FULL_SCALE, points[:, 4:5],
                          points[:, :3] - mean[own], offset], dim=1)

    def _physical(self, clouds: Sequence[Tensor]) -> Tensor:
        points, cell = self._on_grid(clouds, self.grid)
        strength = torch.log1p(points[:, 3:4].clamp(0.0, FULL_SCALE)) / math.log1p(FULL_SCALE)
        values = torch.cat([torch.ones_like(strength), strength], dim=1)
        return _as_map(pillar_scatter(values, cell, len(clouds) * self.grid.ny * self.grid.nx), len(clouds), self.grid)


def _as_map(rows: Tensor, batch: int, grid: BEVGrid) -> Tensor:
    return rows.view(batch, *grid.shape, -1).permute(0, 3, 1, 2).contiguous()
