"""The radar's own intensity: how strongly a BEV cell reflects."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from perception_kd.models.layers import pillar_scatter
from perception_kd.structures import BEVGrid

RADAR_CHANNELS = 7  # x, y, z, rcs, vx_comp, vy_comp, dt


def radar_strength(clouds: Sequence[Tensor], grid: BEVGrid, rcs_range: Sequence[float]) -> Tensor:
    """Largest RCS of a cell scaled to [0, 1], the radar's analogue of a LiDAR return intensity.

    Args:
        clouds: One ``(M, 7)`` a sample: x, y, z, rcs, vx, vy, dt in the frame of the grid; M may be 0. Points that are
            not finite or off the grid do not count.
        grid: BEV grid.
        rcs_range: Strengths that are called 0 and 1, in the unit of the rcs column.

    Returns:
        ``(B, 1, ny, nx)`` float32, 0 in empty cells.
    """
    low, high = rcs_range
    points, cell = points_on_grid(clouds, grid)
    strength = ((points[:, 3:4] - low) / (high - low)).clamp(0.0, 1.0)
    cells = pillar_scatter(strength, cell, len(clouds) * grid.ny * grid.nx + 1)[:-1]
    return cells.view(len(clouds), 1, *grid.shape)


def check_clouds(clouds: Sequence[Tensor]) -> None:
    """Raise ValueError unless every cloud is ``(M, 7)``."""
    for sample, cloud in enumerate(clouds):
        if cloud.dim() != 2 or cloud.shape[1] != RADAR_CHANNELS:
            raise ValueError(f'radar of sample {sample} is {tuple(cloud.shape)}, expected '
                             f'(M, {RADAR_CHANNELS}): x, y, z, rcs, vx_comp, vy_comp, dt')


def points_on_grid(clouds: Sequence[Tensor], grid: BEVGrid) -> tuple[Tensor, Tensor]:
    """All points of a batch and their cells. Nothing is filtered out, so that shapes do not depend on values.

    Returns:
        ``(M, C)`` float32, zeros where a point is not finite or off the grid, and ``(M,)`` int64 the flat cell in the
        batch, ``B * ny * nx`` for such points.
    """
    points, size = torch.cat([cloud.float() for cloud in clouds]), grid.ny * grid.nx
    first = torch.cat([torch.full((len(cloud),), sample * size, device=points.device)
                       for sample, cloud in enumerate(clouds)])
    cell, inside = grid.cell_index(points[:, :2])
    inside &= torch.isfinite(points).all(dim=1)
    return torch.where(inside[:, None], points, 0.0), torch.where(inside, cell + first, len(clouds) * size)
