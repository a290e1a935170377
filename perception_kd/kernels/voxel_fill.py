"""Kernel: points grouped into voxels of a limited number of points, in a limited number of voxels."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from perception_kd.kernels.launch import EXACT, on_device, row_tile, warps
from perception_kd.kernels.voxel_cells import VoxelGrid, voxel_keys


def fill_voxels(points: Tensor, grid: VoxelGrid, voxels: Tensor, coordinates: Tensor, counts: Tensor) -> Tensor:
    """Fill the buffers as ``compat.ops.voxelize.hard_voxelize_forward`` does: same voxels, same points, same order.

    Args:
        points: ``(P, F)`` of any strides, x y z first.
        grid: Of the voxels.
        voxels: ``(max_voxels, max_points, F)`` zeros of any strides, filled with points.
        coordinates: ``(max_voxels, 3)`` filled with z y x.
        counts: ``(max_voxels,)`` filled with points per voxel.

    Returns:
        The number of voxels, a scalar int64 on the device of the points.
    """
    max_voxels, max_points, columns = voxels.shape
    if not len(points):
        return torch.zeros((), dtype=torch.int64, device=points.device)
    keys, order = torch.sort(voxel_keys(points, grid), stable=True)
    first, past = torch.searchsorted(keys, keys), torch.searchsorted(keys, keys, right=True)
    begins = (first == torch.arange(len(keys), device=keys.device)) & (keys < grid.total)
    number = torch.empty_like(order).scatter_(0, order, begins.long()).cumsum(0)  # voxels begun up to each point
    width = triton.next_power_of_2(columns)
    tile = row_tile(width)
    with on_device(points):
        _fill[(triton.cdiv(len(points), tile),)](
            points, keys, order, first, past, number, voxels, coordinates, counts, len(points), columns,
            *points.stride(), *voxels.stride(), *coordinates.stride(), counts.stride(0), max_voxels, max_points,
            *grid.cells, TILE=tile, WIDTH=width, num_warps=warps(tile * width), **EXACT)
    return number[-1].clamp(max=max_voxels)


@triton.jit
def _fill(points, keys, order, first, past, number, voxels, coordinates, counts, total, columns, point_stride,
          column_stride, voxel_stride, slot_stride, value_stride, cell_stride, axis_stride, count_stride, max_voxels,
          max_points, nx, ny, nz, TILE: tl.constexpr, WIDTH: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * TILE + tl.arange(0, TILE)
    column = tl.arange(0, WIDTH)
    there = place < total
    key = tl.load(keys + place, mask=there, other=0)
    there = there & (key < tl.full([TILE], 1, tl.int64) * nx * ny * nz)
    begins = tl.load(first + place, mask=there, other=0)
    leader = tl.load(order + begins, mask=there, other=0)
    voxel = tl.load(number + leader, mask=there, other=1) - 1
    there = there & (voxel < max_voxels)
    slot = place - begins
    fits = there & (slot < max_points)
    point = tl.load(order + place, mask=fits, other=0)
    mask = fits[:, None] & (column < columns)[None, :]
    value = tl.load(points + point[:, None] * point_stride + column[None, :] * column_stride, mask=mask)
    tl.store(voxels + voxel[:, None] * voxel_stride + slot[:, None] * slot_stride + column[None, :] * value_stride,
             value, mask=mask)
    leads = there & (slot == 0)
    ends = tl.load(past + place, mask=leads, other=0)
    tl.store(counts + voxel * count_stride, tl.minimum(ends - begins, max_points), mask=leads)
    at = coordinates + voxel * cell_stride
    tl.store(at, key // nx // ny, mask=leads)
    tl.store(at + axis_stride, key // nx % ny, mask=leads)
    tl.store(at + 2 * axis_stride, key % nx, mask=leads)
