"""BEV pooling as one sparse-matrix product.

Rows are BEV cells, columns image pixels, values depth probabilities. The lifted frustum
``depth x feature`` is never made: the forward pass is a CSR product, the gradient to the features the
transposed product, and the gradient to the depth a product sampled at the matrix' entries. All three are
stock PyTorch, on the CPU and on CUDA. The lift itself is Lift-Splat-Shoot's (Philion & Fidler, ECCV 2020).
On CUDA Triton's kernels do the same where they run (``perception_kd.kernels``).
"""

from __future__ import annotations

import warnings
from typing import Literal

import torch
from torch import Tensor

from perception_kd.kernels import FrustumPattern
from perception_kd.models.layers.bev_pattern import BEVPoolPattern
from perception_kd.models.layers.export_forms import ScatterPattern

Reduction = Literal['mean', 'sum']


def bev_pool(depth: Tensor, features: Tensor, pattern: BEVPoolPattern | FrustumPattern | ScatterPattern, *,
             reduction: Reduction = 'mean', pool_grad: Reduction = 'mean') -> Tensor:
    """Pool image features into BEV cells, weighted by depth probability. An fp32 island under autocast.

    Args:
        depth: ``(B*N, D, H, W)`` depth probabilities.
        features: ``(B*N, C, H, W)`` image features.
        pattern: Where each frustum point falls.
        reduction: ``sum`` over the frustum points of a cell, or ``mean`` (divided by their number).
        pool_grad: With ``reduction='mean'``: ``mean`` is the true gradient; ``sum`` leaves the division out
            of the backward pass, as CRN's released operator does.

    Returns:
        ``(rows, C)`` with one row per cell of the batch; float32 (float64 for float64 input). Empty cells
        are 0.
    """
    _check(depth, features, pattern, reduction, pool_grad)
    if isinstance(pattern, FrustumPattern):
        from perception_kd.kernels.frustum_pool import frustum_pool

        return frustum_pool(depth, features, pattern, mean=reduction == 'mean', divide_gradient=pool_grad == 'mean')
    with torch.autocast(device_type=depth.device.type, enabled=False):
        exact = torch.float64 if depth.dtype == torch.float64 else torch.float32
        if isinstance(pattern, ScatterPattern):
            return pattern.pool(depth.to(exact), features.to(exact), mean=reduction == 'mean')
        pixels = features.to(exact).permute(0, 2, 3, 1).reshape(-1, features.shape[1])
        scale = pattern.count.to(exact).clamp(min=1).reciprocal()[:, None] if reduction == 'mean' else None
        return _SparseBEVPool.apply(depth.to(exact), pixels, pattern, scale, pool_grad)


def bev_pool_reference(depth: Tensor, features: Tensor, pattern: BEVPoolPattern, *,
                       reduction: Reduction = 'mean') -> Tensor:
    """The same by lifting every point and adding it to its cell; slow, memory-hungry, easy to read.

    Arguments and result as for ``bev_pool``, whose ``pool_grad='mean'`` gradient it has.
    """
    lifted = depth[:, :, None] * features[:, None]  # (B*N, D, C, H, W)
    lifted = lifted.permute(0, 1, 3, 4, 2).reshape(-1, features.shape[1])
    row = torch.repeat_interleave(torch.arange(pattern.shape[0], device=depth.device),
                                  pattern.crow.long().diff())[pattern.entry]
    out = features.new_zeros(pattern.shape[0], features.shape[1])
    out = out.index_add(0, row, lifted[pattern.point])
    return out / pattern.count.to(out.dtype).clamp(min=1)[:, None] if reduction == 'mean' else out


class _SparseBEVPool(torch.autograd.Function):

    @staticmethod
    def forward(ctx, depth: Tensor, pixels: Tensor, pattern: BEVPoolPattern, scale: Tensor | None,
                pool_grad: str) -> Tensor:
        values = depth.new_zeros(pattern.entries)
        values.index_add_(0, pattern.entry, depth.reshape(-1).index_select(0, pattern.point))
        ctx.save_for_backward(values, pixels, scale)
        ctx.pattern, ctx.divide = pattern, pool_grad == 'mean'
        out = _csr(pattern.crow, pattern.col, values, pattern.shape) @ pixels
        return out if scale is None else out * scale

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, pixels, scale = ctx.saved_tensors
        if scale is not None and ctx.divide:
            grad = grad * scale
        with torch.autocast(device_type=grad.device.type, enabled=False):
            grad_depth = _depth_gradient(grad, pixels, ctx.pattern) if ctx.needs_input_grad[0] else None
            grad_pixels = None
            if ctx.needs_input_grad[1]:
                pattern = ctx.pattern
                transposed = _csr(pattern.crow_t, pattern.col_t, values.index_select(0, pattern.to_t),
                                  pattern.shape[::-1])
                grad_pixels = transposed @ grad
        return grad_depth, grad_pixels, None, None, None


def _depth_gradient(grad: Tensor, pixels: Tensor, pattern: BEVPoolPattern) -> Tensor:
    """``<grad of the cell, feature of the pixel>`` at every entry, handed to each of the entry's points."""
    out = grad.new_zeros(pattern.depth_shape)
    if pattern.entries:
        empty = _csr(pattern.crow, pattern.col, grad.new_zeros(pattern.entries), pattern.shape)
        sampled = torch.sparse.sampled_addmm(empty, grad.contiguous(), pixels.t()).values()
        out.view(-1).index_copy_(0, pattern.point, sampled.index_select(0, pattern.entry))
    return out


def _csr(crow: Tensor, col: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():  # torch calls CSR "beta" once per process; the twin's tests watch it
        warnings.filterwarnings('ignore', message='Sparse')
        return torch.sparse_csr_tensor(crow, col, values, shape, check_invariants=False)


def _check(depth: Tensor, features: Tensor, pattern: BEVPoolPattern | FrustumPattern | ScatterPattern,
           reduction: str, pool_grad: str) -> None:
    if reduction not in ('mean', 'sum') or pool_grad not in ('mean', 'sum'):
        raise ValueError(
            f"bev_pool: reduction and pool_grad are 'mean' or 'sum', got {reduction!r}, {pool_grad!r}")
    if tuple(depth.shape) != pattern.depth_shape:
        raise ValueError(f'bev_pool: depth is {tuple(depth.shape)}, the pattern was built for '
                         f'{pattern.depth_shape}')
    if depth.shape[0] != features.shape[0] or depth.shape[2:] != features.shape[2:]:
        raise ValueError(f'bev_pool: depth {tuple(depth.shape)} and features {tuple(features.shape)} differ '
                         'in images or in height and width')
