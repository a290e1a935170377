"""Segment reductions with gradients."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from perception_kd.kernels.segment_gradients import max_gradient, spread_gradient
from perception_kd.kernels.segment_reduce import Reduction, reduce_segments
from perception_kd.kernels.segments import Segments


def segment_pool(points: Tensor, segments: Segments, *, reduction: Reduction, divide_gradient: bool = True,
                 dtype: torch.dtype | None = None) -> Tensor:
    """Reduce the points of every row; equal maxima share the gradient.

    Args:
        points: ``(P, C)`` floating-point numbers of any strides.
        segments: Which points make up each row.
        reduction: ``max``, ``mean`` or ``sum``.
        divide_gradient: Of a mean; False hands back the gradient of a sum.
        dtype: Of the result (that of ``points`` if None); sums are float32, of float64 float64.

    Returns:
        ``(rows, C)``; rows without a point are 0. Its gradient has no gradient.
    """
    return _SegmentPool.apply(points, segments, reduction, divide_gradient, dtype or points.dtype)


class _SegmentPool(torch.autograd.Function):

    @staticmethod
    def forward(ctx, points: Tensor, segments: Segments, reduction: Reduction, divide_gradient: bool,
                dtype: torch.dtype) -> Tensor:
        out = reduce_segments(points, segments, reduction, dtype)
        ctx.segments, ctx.reduction, ctx.dtype = segments, reduction, points.dtype
        ctx.divide = divide_gradient and reduction == 'mean'
        if reduction == 'max':
            ctx.save_for_backward(points, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.reduction == 'max':
            points, largest = ctx.saved_tensors
            found = max_gradient(grad, points, largest, ctx.segments, first=False)
        else:
            found = spread_gradient(grad, ctx.segments, divide=ctx.divide, dtype=ctx.dtype)
        return found, None, None, None, None
