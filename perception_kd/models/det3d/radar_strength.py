"""The radar's own intensity: how strongly a BEV cell reflects."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from perception_kd.models.layers import pillar_scatter
from perception_kd.structures import BEVGrid


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
    points = torch.cat([cloud.float() for cloud in clouds])
    counts = torch.tensor([len(cloud) for cloud in clouds], device=points.device)
    sample = torch.repeat_interleave(torch.arange(len(clouds), device=points.device), counts)
    cell, inside = grid.cell_index(points[:, :2])
    inside &= torch.isfinite(points).all(dim=1)
    strength = ((points[inside, 3:4] - low) / (high - low)).clamp(0.0, 1.0)
    size = grid.ny * grid.nx
    cells = pillar_scatter(strength, (cell + sample * size)[inside], len(clouds) * size)
    return cells.view(len(clouds), 1, *grid.shape)
