"""BEV pooling by kernels, with gradients."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from perception_kd.kernels.frustum_pattern import FrustumPattern
from perception_kd.kernels.frustum_sums import frustum_gradients, frustum_sums

WIDEST = 1024  # channels that the program of a pixel holds at once


def frustum_pool(depth: Tensor, features: Tensor, pattern: FrustumPattern, *, mean: bool,
                 divide_gradient: bool) -> Tensor:
    """Arguments, result and gradients as of ``bev_pool``; half precision is read as it is and summed in float32.

    Args:
        depth: ``(B*N, D, H, W)`` of any strides.
        features: ``(B*N, C, H, W)`` of any strides.
        pattern: Where each frustum point falls.
        mean: Over the points of a cell, else their sum.
        divide_gradient: Of a mean; False hands back the gradient of the sum.

    Returns:
        ``(rows, C)`` float32 (float64 for float64 depth). Its gradient has no gradient.
    """
    if features.shape[1] > WIDEST:
        parts = [frustum_pool(depth, part, pattern, mean=mean, divide_gradient=divide_gradient)
                 for part in features.split(WIDEST, dim=1)]
        return torch.cat(parts, dim=1)
    pixels = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1]).contiguous()
    return _FrustumPool.apply(depth.contiguous(), pixels, pattern, mean, divide_gradient)


class _FrustumPool(torch.autograd.Function):

    @staticmethod
    def forward(ctx, depth: Tensor, pixels: Tensor, pattern: FrustumPattern, mean: bool,
                divide_gradient: bool) -> Tensor:
        ctx.save_for_backward(depth, pixels)
        ctx.pattern, ctx.divide = pattern, mean and divide_gradient
        exact = torch.float64 if depth.dtype == torch.float64 else torch.float32
        return frustum_sums(depth, pixels, pattern, mean=mean, dtype=exact)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        depth, pixels = ctx.saved_tensors
        found = frustum_gradients(grad, depth, pixels, ctx.pattern, divide=ctx.divide,
                                  wanted=tuple(ctx.needs_input_grad[:2]))
        return *found, None, None, None
