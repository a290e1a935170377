"""What every launch of a kernel needs: the device, the type of its sums, the size of its tiles."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import triton
import triton.language as tl
from torch import Tensor

WIDEST_TILE = 128  # channels along the second axis of a grid, which holds 65,535 tiles
TILE = 1024  # values
# Products and sums are rounded one by one: versions of Triton differ in whether they fuse them when not told.
EXACT = dict(enable_fp_fusion=False)


def on_device(tensor: Tensor) -> AbstractContextManager:
    """Triton launches on the current device, which need not be the tensor's."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


def sum_type(dtype: torch.dtype) -> tl.dtype:
    """Sums are float32, of float64 float64."""
    return tl.float64 if dtype == torch.float64 else tl.float32


def channel_tile(channels: int) -> int:
    """Channels of one program, a power of two."""
    return min(triton.next_power_of_2(channels), WIDEST_TILE)


def row_tile(width: int) -> int:
    """Points or bins that a program takes at once, a power of two, beside ``width`` channels (one, too)."""
    return max(1, min(32, TILE // width))


def warps(values: int) -> int:
    """Warps for a tile of so many values."""
    return 4 if values >= TILE else 1


@triton.jit
def divided(value, by):
    """Quotient rounded as IEEE 754 wants, as PyTorch's; Triton's own ``/`` of float32 is an approximation."""
    if value.dtype == tl.float64:
        quotient = value / by
    else:
        quotient = tl.div_rn(value, by)
    return quotient


@triton.jit
def gathered(points, order, begin, end, channel, wanted, point_stride, channel_stride, SUM: tl.constexpr,
             TILE: tl.constexpr):
    """Places ``begin`` to ``begin + TILE`` of ``order``, below ``end``: place, point, value, is there."""
    place = begin + tl.arange(0, TILE)
    there = place < end
    point = tl.load(order + place, mask=there, other=0).to(tl.int64)
    mask = there[:, None] & wanted[None, :]
    value = tl.load(points + point[:, None] * point_stride + channel[None, :] * channel_stride, mask=mask,
                    other=0.0).to(SUM)
    return place, point, value, mask
