"""Average pooling of points that carry their own features into BEV cells.

For frustums collapsed over their height every point has a feature of its own, and the pooling matrix holds nothing
but ones: forward is one sum of bags (which is several times as fast as a CSR product), backward a gather. On CUDA
Triton's kernels do both where they run (``perception_kd.kernels``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from perception_kd.kernels import Segments, use_kernels
from perception_kd.models.layers.bev_pattern import row_pointers
from perception_kd.models.layers.export_forms import ScatterRows, exporting


@dataclass(frozen=True)
class CollapsedPattern:
    """Which point falls into which cell.

    Attributes:
        rows: Cells of the whole batch.
        row: ``(P,)`` int64, cell of every point, 0 where it lies off the grid.
        inside: ``(P,)`` bool, whether it lies on the grid.
        order: ``(K,)`` int32, the points on the grid sorted by cell.
        start: ``(rows + 1,)`` int32, where each cell begins in ``order``, and the end.
        count: ``(rows,)`` float, points of a cell.
    """

    rows: int
    row: Tensor
    inside: Tensor
    order: Tensor
    start: Tensor
    count: Tensor

    @classmethod
    @torch.no_grad()
    def build(cls, cell: Tensor, inside: Tensor, cells_per_sample: int) -> CollapsedPattern | ScatterRows:
        """Sort the points by cell and count; inside of ``export_forms`` only name their cells.

        Args:
            cell: ``(B, ...)`` int64, flat cell index of every point in its own sample.
            inside: The same shape, bool: whether the point lies on the grid.
            cells_per_sample: ``ny * nx``.
        """
        if cell.shape != inside.shape:
            raise ValueError(f'CollapsedPattern needs cell and inside of one shape, got {tuple(cell.shape)} and '
                             f'{tuple(inside.shape)}')
        if exporting():
            return ScatterRows.build(cell, inside, cells_per_sample)
        rows = len(cell) * cells_per_sample
        sample = torch.arange(len(cell), device=cell.device)[:, None]
        row, inside = (cell.flatten(1) + sample * cells_per_sample).flatten(), inside.flatten()
        place = torch.nonzero(inside)[:, 0]
        sorted_row, order = torch.sort(row[place], stable=True)
        return cls(rows=rows, row=torch.where(inside, row, 0), inside=inside,
                   order=place[order].to(torch.int32), start=row_pointers(sorted_row, rows, torch.int32),
                   count=torch.bincount(sorted_row, minlength=rows).float())


def collapsed_pool(points: Tensor, pattern: CollapsedPattern | ScatterRows, *,
                   pool_grad: Literal['mean', 'sum'] = 'mean') -> Tensor:
    """Mean of the points of every cell. An fp32 island under autocast.

    Args:
        points: ``(P, C)`` in the order of the pattern.
        pattern: Where each point falls.
        pool_grad: ``mean`` is the true gradient; ``sum`` leaves the division out of the backward pass, as CRN's
            released operator does.

    Returns:
        ``(rows, C)`` float32 (float64 for float64 input); empty cells are 0.
    """
    _check(points, pattern, pool_grad)
    with torch.autocast(points.device.type, enabled=False):
        if not isinstance(pattern, ScatterRows) and use_kernels(points):
            return _kernel_pool(points, pattern, pool_grad == 'mean')
        exact = points if points.dtype == torch.float64 else points.float()
        if isinstance(pattern, ScatterRows):
            return pattern.add(exact, mean=True)
        return _CollapsedPool.apply(exact, pattern, pool_grad == 'mean')


def collapsed_pool_reference(points: Tensor, pattern: CollapsedPattern, *,
                             pool_grad: Literal['mean', 'sum'] = 'mean') -> Tensor:
    """The same by adding every point to its cell; arguments, result and gradients as of ``collapsed_pool``."""
    _check(points, pattern, pool_grad)
    total = points.new_zeros(pattern.rows, points.shape[1])
    total = total.index_add(0, pattern.row[pattern.inside], points[pattern.inside])
    mean = total / pattern.count.to(points.dtype).clamp(min=1)[:, None]
    return mean if pool_grad == 'mean' else mean.detach() + (total - total.detach())


def _kernel_pool(points: Tensor, pattern: CollapsedPattern, divide: bool) -> Tensor:
    from perception_kd.kernels.segment_pool import segment_pool

    row = torch.where(pattern.inside, pattern.row, -1)
    segments = Segments(rows=pattern.rows, row=row, order=pattern.order, start=pattern.start)
    exact = torch.float64 if points.dtype == torch.float64 else torch.float32
    return segment_pool(points, segments, reduction='mean', divide_gradient=divide, dtype=exact)


class _CollapsedPool(torch.autograd.Function):

    @staticmethod
    def forward(ctx, points: Tensor, pattern: CollapsedPattern, divide: bool) -> Tensor:
        ctx.pattern, ctx.divide = pattern, divide
        total = F.embedding_bag(pattern.order, points, pattern.start, mode='sum', include_last_offset=True)
        return total.div_(pattern.count.to(total.dtype).clamp(min=1)[:, None])

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        pattern = ctx.pattern
        share = pattern.inside.to(grad.dtype)
        if ctx.divide:
            share = share / pattern.count.to(grad.dtype)[pattern.row].clamp(min=1)
        return grad.index_select(0, pattern.row).mul_(share[:, None]), None, None


def _check(points: Tensor, pattern: CollapsedPattern | ScatterRows, pool_grad: str) -> None:
    if pool_grad not in ('mean', 'sum'):
        raise ValueError(f"collapsed_pool: pool_grad is 'mean' or 'sum', got {pool_grad!r}")
    if points.dim() != 2 or len(points) != len(pattern.row):
        raise ValueError(f'collapsed_pool: points are {tuple(points.shape)}, the pattern was built for '
                         f'({len(pattern.row)}, C)')
