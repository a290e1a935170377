"""Hard and dynamic voxelisation, with the call and the in-place outputs of mmcv's compiled ops.

On CUDA Triton's kernels do the same where they run (``perception_kd.kernels``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perception_kd.kernels import use_kernels

if TYPE_CHECKING:
    from perception_kd.kernels.voxel_cells import VoxelGrid


def grid_coordinates(points: Tensor, voxel_size: Tensor, coors_range: Tensor, ndim: int = 3) -> Tensor:
    """Cell of every point.

    Args:
        points: (P, >= ndim), x y z first, metres.
        voxel_size: (ndim,) edge lengths, metres.
        coors_range: (2 ndim,) lower corner, then upper corner, metres.

    Returns:
        (P, ndim) int32, ordered z y x; rows of -1 for points outside the range or not finite.

    Raises:
        ValueError: points with fewer columns.
    """
    if points.dim() != 2 or points.shape[1] < ndim:
        raise ValueError(f'points must be (P, {ndim} or more), got {tuple(points.shape)}')
    device = points.device
    size = voxel_size[:ndim].to(device=device, dtype=torch.float32)
    limits = coors_range.to(device=device, dtype=torch.float32)
    cells_per_axis = _grid_size(voxel_size, coors_range, ndim).to(device)
    xyz = points[:, :ndim]
    xyz = xyz if xyz.dtype == torch.float64 else xyz.float()
    # An infinite or undefined quotient fails the comparisons, and is then never cast to an integer.
    cells = torch.floor((xyz - limits[:ndim]) / size)
    inside = ((cells >= 0) & (cells < cells_per_axis)).all(dim=1, keepdim=True)
    return torch.where(inside, cells, -torch.ones_like(cells)).flip(1).int()


def _grid_size(voxel_size: Tensor, coors_range: Tensor, ndim: int) -> Tensor:
    """Cells per axis: halves are rounded up, as the compiled op does (``torch.round`` goes to even)."""
    cells = (coors_range[ndim : 2 * ndim] - coors_range[:ndim]) / voxel_size[:ndim]
    return torch.floor(cells.double() + 0.5).long()


def dynamic_voxelize_forward(
    points: Tensor, voxel_size: Tensor, coors_range: Tensor, coors: Tensor, NDim: int = 3
) -> None:
    """Write the cell of every point, z y x, into ``coors`` (P, NDim); -1 marks a point outside."""
    if _for_kernels(points, NDim):
        from perception_kd.kernels.voxel_cells import voxel_cells

        coors.copy_(voxel_cells(points, _kernel_grid(voxel_size, coors_range)))
        return
    coors.copy_(grid_coordinates(points, voxel_size, coors_range, NDim))


def hard_voxelize_forward(
    points: Tensor,
    voxel_size: Tensor,
    coors_range: Tensor,
    voxels: Tensor,
    coors: Tensor,
    num_points_per_voxel: Tensor,
    voxel_num: Tensor,
    max_points: int,
    max_voxels: int,
    NDim: int = 3,
    deterministic: bool = True,
) -> None:
    """Group points into at most ``max_voxels`` voxels of at most ``max_points`` points, in place.

    Voxels are numbered by their first point; a voxel keeps its first points. When all voxels are taken, points of
    a further cell are left out, and those of the cells that have a voxel still fill it. This is what the compiled
    op does in its deterministic form, and here always (its other form has no CPU kernel).

    Args:
        voxels: (max_voxels, max_points, F) zeros, filled with points.
        coors: (max_voxels, NDim) int32, filled with z y x.
        num_points_per_voxel: (max_voxels,) int32, filled with counts.
        voxel_num: scalar int64, filled with the number of voxels.
    """
    if _for_kernels(points, NDim):
        from perception_kd.kernels.voxel_fill import fill_voxels

        grid = _kernel_grid(voxel_size, coors_range)
        voxel_num.copy_(fill_voxels(points, grid, voxels[:max_voxels, :max_points], coors, num_points_per_voxel))
        return
    cells = grid_coordinates(points, voxel_size, coors_range, NDim)
    kept = torch.nonzero(cells[:, 0] >= 0).squeeze(1)
    if kept.numel() == 0:
        voxel_num.fill_(0)
        return
    strides = _strides(voxel_size, coors_range, NDim).to(cells.device)
    keys, order = torch.sort((cells[kept].long() * strides).sum(1), stable=True)
    _, group, counts = torch.unique_consecutive(keys, return_inverse=True, return_counts=True)
    starts = counts.cumsum(0) - counts
    first_point = order[starts]
    is_first = torch.zeros_like(order)
    is_first[first_point] = 1
    voxel_of_group = (is_first.cumsum(0) - 1)[first_point]
    voxel = voxel_of_group[group]
    rank = torch.arange(len(keys), device=keys.device) - starts[group]
    fits = torch.nonzero((voxel < max_voxels) & (rank < max_points)).squeeze(1)
    voxels[voxel[fits], rank[fits]] = points[kept[order[fits]]]
    number = min(len(counts), max_voxels)
    listed = torch.nonzero(voxel_of_group < max_voxels).squeeze(1)
    coors[voxel_of_group[listed]] = cells[kept[first_point[listed]]].to(coors.dtype)
    num_points_per_voxel[voxel_of_group[listed]] = counts[listed].clamp(max=max_points).to(num_points_per_voxel.dtype)
    voxel_num.fill_(number)


def _for_kernels(points: Tensor, ndim: int) -> bool:
    """Bad shapes are for ``grid_coordinates``, which refuses them."""
    fits = ndim == 3 and points.dim() == 2 and points.shape[1] >= 3 and points.is_floating_point()
    return fits and use_kernels(points)


def _kernel_grid(voxel_size: Tensor, coors_range: Tensor) -> VoxelGrid:
    from perception_kd.kernels.voxel_cells import VoxelGrid

    low, size = (corner[:3].float().tolist() for corner in (coors_range, voxel_size))
    return VoxelGrid(low=tuple(low), size=tuple(size), cells=tuple(_grid_size(voxel_size, coors_range, 3).tolist()))


def _strides(voxel_size: Tensor, coors_range: Tensor, ndim: int) -> Tensor:
    """Linear index steps of a cell in z y x order, (ndim,) int64."""
    zyx = _grid_size(voxel_size, coors_range, ndim).flip(0).cpu()
    return torch.cat([zyx[1:].flip(0).cumprod(0).flip(0), torch.ones(1, dtype=torch.long)])
