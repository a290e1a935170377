"""Intensity maps computed from points on a named grid, independent of any encoder."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.masks.base import Mask
from perception_kd.registry import MASKS
from perception_kd.structures import BEVGrid

_FULL_SCALE = 255.0


def reduce_to_cells(
    points: Tensor, values: Tensor, grid: BEVGrid, reduce: Literal['max', 'mean'] = 'max'
) -> tuple[Tensor, Tensor]:
    """Reduce one number per point to one number per cell.

    Args:
        points: ``(P, 2+)``, x and y in metres in the grid's frame. Points off the grid or NaN are left out.
        values: ``(P,)``.
        grid: Where to.
        reduce: ``max`` or ``mean`` over the points of a cell.

    Returns:
        ``(ny, nx)`` values, 0 in empty cells, and ``(ny, nx)`` bool: cells with at least one point.
    """
    index, inside = grid.cell_index(points)
    index, values = index[inside], values[inside]
    cells = values.new_zeros(grid.ny * grid.nx)
    cells = cells.scatter_reduce(0, index, values, 'amax' if reduce == 'max' else 'mean', include_self=False)
    occupied = torch.zeros_like(cells, dtype=torch.bool)
    occupied[index] = True
    return cells.view(grid.shape), occupied.view(grid.shape)


@MASKS.register_module()
class IntensityMap(Mask):
    """LiDAR return intensity per BEV cell, in [0, 1], 0 where there is no return.

    ``I(x) = log(1 + i(x)) / log 256`` with ``i(x)`` the largest (or mean) raw intensity in the cell. The role
    of the map is IMKD's (Mishra et al., WACV 2026); its reduction and scale are our choice: most returns are
    dim, so ``i / 255`` would all but switch a loss off, while the logarithm keeps order and range. The map
    has no parameters, for a learned map that scales a loss or a target has a trivial zero solution.
    Augmentation of the bird's-eye view is inherited from the points.

    Args:
        norm: ``log``; ``div255``; ``quantile95`` (over the 95 % quantile of the sample's occupied cells);
            ``minmax`` (over the sample's occupied cells).
        reduce: ``max`` or ``mean``.
        floor: Least value of a cell with a return.
        points: Key of the point clouds in the inputs.
        column: Column of the raw intensity, 0 to 255.
    """

    def __init__(
        self,
        *,
        norm: Literal['log', 'div255', 'quantile95', 'minmax'] = 'log',
        reduce: Literal['max', 'mean'] = 'max',
        floor: float = 0.0,
        points: str = 'points',
        column: int = 3,
    ) -> None:
        if norm not in ('log', 'div255', 'quantile95', 'minmax') or reduce not in ('max', 'mean'):
            raise ValueError(f"IntensityMap: unknown norm '{norm}' or reduce '{reduce}'")
        if not 0 <= floor <= 1:
            raise ValueError(f'IntensityMap: floor lies in [0, 1], got {floor}')
        self.norm, self.reduce, self.floor, self.points, self.column = norm, reduce, floor, points, column

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)`` float32."""
        grid = batch.require_grid('IntensityMap')
        return torch.stack([self._one(cloud, grid) for cloud in batch.points(self.points, 'IntensityMap')])[
            :, None
        ]

    def _one(self, cloud: Tensor, grid: BEVGrid) -> Tensor:
        if cloud.shape[1] <= self.column:
            raise ValueError(
                f"IntensityMap: inputs['{self.points}'] have {cloud.shape[1]} columns, intensity is "
                f'wanted in column {self.column}'
            )
        raw = torch.nan_to_num(cloud[:, self.column].float()).clamp(0, _FULL_SCALE)
        cells, occupied = reduce_to_cells(cloud, raw, grid, self.reduce)
        scaled = self._scale(cells, occupied).clamp(min=self.floor, max=1.0)
        return torch.where(occupied, scaled, torch.zeros_like(scaled))

    def _scale(self, cells: Tensor, occupied: Tensor) -> Tensor:
        if self.norm == 'log':
            return torch.log1p(cells) / math.log1p(_FULL_SCALE)
        if self.norm == 'div255' or not bool(occupied.any()):
            return cells / _FULL_SCALE
        seen = cells[occupied]
        if self.norm == 'quantile95':
            return cells / torch.quantile(seen, 0.95).clamp(min=1e-6)
        return (cells - seen.min()) / (seen.max() - seen.min()).clamp(min=1e-6)

    def __str__(self) -> str:
        return f'IntensityMap({self.norm}, {self.reduce}, floor {self.floor:g})'
