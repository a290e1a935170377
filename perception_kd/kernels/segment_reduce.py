"""Kernel: sum, mean or maximum of the points of each row. One program a row, its points in a fixed order."""

from __future__ import annotations

from typing import Literal

import torch
import triton
import triton.language as tl
from torch import Tensor

from perception_kd.kernels.launch import EXACT, channel_tile, divided, gathered, on_device, row_tile, sum_type, warps
from perception_kd.kernels.segments import Segments

Reduction = Literal['max', 'mean', 'sum']


def reduce_segments(points: Tensor, segments: Segments, reduction: Reduction, dtype: torch.dtype) -> Tensor:
    """``(P, C)`` points of any strides -> ``(rows, C)`` of ``dtype``; rows without a point are 0.

    A value that is not a number makes its own row and channel not a number, and no other.
    """
    channels = points.shape[1]
    out = points.new_empty(segments.rows, channels, dtype=dtype)
    if not out.numel():
        return out
    width = channel_tile(channels)
    tile = row_tile(width)
    with on_device(points):
        _reduce[(segments.rows, triton.cdiv(channels, width))](
            points, segments.order, segments.start, out, channels, points.stride(0), points.stride(1),
            MAX=reduction == 'max', MEAN=reduction == 'mean', SUM=sum_type(points.dtype), TILE=tile, WIDTH=width,
            num_warps=warps(tile * width), **EXACT)
    return out


@triton.jit
def _reduce(points, order, start, out, channels, point_stride, channel_stride, MAX: tl.constexpr,
            MEAN: tl.constexpr, SUM: tl.constexpr, TILE: tl.constexpr, WIDTH: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1).to(tl.int64) * WIDTH + tl.arange(0, WIDTH)
    wanted = channel < channels
    first, last = tl.load(start + row).to(tl.int64), tl.load(start + row + 1).to(tl.int64)
    result = tl.full([WIDTH], float('-inf') if MAX else 0.0, SUM)
    undefined = tl.full([WIDTH], 0, tl.int32)
    for begin in range(first, last, TILE):
        _, _, value, mask = gathered(points, order, begin, last, channel, wanted, point_stride, channel_stride, SUM,
                                     TILE)
        if MAX:  # maxima of Triton pass over NaN
            is_nan = value != value
            undefined = tl.maximum(undefined, tl.max(is_nan.to(tl.int32), axis=0))
            result = tl.maximum(result, tl.max(tl.where(mask & (value == value), value, float('-inf')), axis=0))
        else:
            result += tl.sum(value, axis=0)
    if MAX:
        result = tl.where(undefined > 0, float('nan'), result)
        result = tl.where(last > first, result, 0.0)
    if MEAN:
        result = divided(result, tl.maximum(last - first, 1).to(SUM))
    tl.store(out + row * channels + channel, result, mask=wanted)
