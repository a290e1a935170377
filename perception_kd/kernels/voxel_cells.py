"""Kernel: the cell of every point, as coordinates and as one sortable number."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from perception_kd.kernels.launch import EXACT, divided, on_device, sum_type

TILE = 256


@dataclass(frozen=True)
class VoxelGrid:
    """A grid of voxels.

    Attributes:
        low: Lower corner x, y, z in metres.
        size: Edges of a voxel along x, y, z in metres.
        cells: Voxels along x, y, z.
    """

    low: tuple[float, float, float]
    size: tuple[float, float, float]
    cells: tuple[int, int, int]

    @property
    def total(self) -> int:
        """Voxels in all."""
        return self.cells[0] * self.cells[1] * self.cells[2]


def voxel_cells(points: Tensor, grid: VoxelGrid) -> Tensor:
    """Cells ``(P, 3)`` int32, z y x, of points ``(P, >= 3)``, x y z first; -1 for points outside or not finite.

    Cells are found in float32, of float64 points in float64, with the roundings of the twin.
    """
    coordinates = torch.empty(len(points), 3, dtype=torch.int32, device=points.device)
    _find(points, grid, coordinates, None)
    return coordinates


def voxel_keys(points: Tensor, grid: VoxelGrid) -> Tensor:
    """``(P,)`` int64, number of each point's cell, counted in z, then y, then x; ``grid.total`` for points outside."""
    keys = torch.empty(len(points), dtype=torch.int64, device=points.device)
    _find(points, grid, None, keys)
    return keys


def _find(points: Tensor, grid: VoxelGrid, coordinates: Tensor | None, keys: Tensor | None) -> None:
    if not len(points):
        return
    with on_device(points):
        _cells[(triton.cdiv(len(points), TILE),)](
            points, coordinates, keys, len(points), points.stride(0), points.stride(1), *grid.low, *grid.size,
            *grid.cells, COORDINATES=coordinates is not None, SUM=sum_type(points.dtype), TILE=TILE, num_warps=4,
            **EXACT)


@triton.jit
def _axis(points, point, there, axis: tl.constexpr, point_stride, column_stride, low, size, SUM: tl.constexpr):
    value = tl.load(points + point * point_stride + axis * column_stride, mask=there, other=float('nan')).to(SUM)
    edge = tl.full(value.shape, 0.0, SUM) + size
    return tl.floor(divided(value - low, edge))


@triton.jit
def _cells(points, coordinates, keys, number, point_stride, column_stride, x_low, y_low, z_low, x_size, y_size,
           z_size, nx, ny, nz, COORDINATES: tl.constexpr, SUM: tl.constexpr, TILE: tl.constexpr):
    point = tl.program_id(0).to(tl.int64) * TILE + tl.arange(0, TILE)
    there = point < number
    x = _axis(points, point, there, 0, point_stride, column_stride, x_low, x_size, SUM)
    y = _axis(points, point, there, 1, point_stride, column_stride, y_low, y_size, SUM)
    z = _axis(points, point, there, 2, point_stride, column_stride, z_low, z_size, SUM)
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny) & (z >= 0) & (z < nz)  # false where x is not a number
    x = tl.where(inside, x, -1.0).to(tl.int32)  # no infinite value is ever cast
    y = tl.where(inside, y, -1.0).to(tl.int32)
    z = tl.where(inside, z, -1.0).to(tl.int32)
    if COORDINATES:
        tl.store(coordinates + point * 3, z, mask=there)
        tl.store(coordinates + point * 3 + 1, y, mask=there)
        tl.store(coordinates + point * 3 + 2, x, mask=there)
    else:
        outside = tl.full([TILE], 1, tl.int64) * nx * ny * nz
        key = (z.to(tl.int64) * ny + y) * nx + x
        tl.store(keys + point, tl.where(inside, key, outside), mask=there)
