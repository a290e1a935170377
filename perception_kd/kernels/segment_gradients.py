"""Kernels: the gradients that the rows of a segment reduction hand back to their points."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from perception_kd.kernels.launch import EXACT, channel_tile, divided, gathered, on_device, row_tile, sum_type, warps
from perception_kd.kernels.segments import Segments


def spread_gradient(grad: Tensor, segments: Segments, *, divide: bool, dtype: torch.dtype) -> Tensor:
    """Of sums and means: each point takes its row's gradient ``(rows, C)``, divided by the row's points or whole.

    Returns:
        ``(P, C)`` of ``dtype``; points of no row get 0.
    """
    grad, points, channels = grad.contiguous(), len(segments.row), grad.shape[1]
    out = grad.new_empty(points, channels, dtype=dtype)
    if not out.numel():
        return out
    width = channel_tile(channels)
    tile = row_tile(width)
    with on_device(grad):
        _spread[(triton.cdiv(points, tile), triton.cdiv(channels, width))](
            grad, segments.row, segments.start, out, points, segments.rows, channels, DIVIDE=divide,
            SUM=sum_type(grad.dtype), TILE=tile, WIDTH=width, num_warps=warps(tile * width), **EXACT)
    return out


def max_gradient(grad: Tensor, points: Tensor, largest: Tensor, segments: Segments, *, first: bool) -> Tensor:
    """Of maxima: to the first point that has the row's maximum, or to all that have it in equal parts.

    A row and channel whose maximum is not a number gives NaN to all its points (as PyTorch does), with ``first`` 0.

    Args:
        grad, largest: ``(rows, C)`` gradient and maxima.
        points: ``(P, C)`` of any strides.
        segments: Of the points.
        first: To the first alone.

    Returns:
        ``(P, C)`` with the type of ``points``; points of no row get 0.
    """
    grad, largest, channels = grad.contiguous(), largest.contiguous(), points.shape[1]
    out = torch.zeros(points.shape, dtype=points.dtype, device=points.device)
    if not largest.numel() or not out.numel():
        return out
    width = channel_tile(channels)
    tile = row_tile(width)
    with on_device(points):
        _to_maxima[(segments.rows, triton.cdiv(channels, width))](
            grad, points, largest, segments.order, segments.start, out, channels, points.stride(0), points.stride(1),
            FIRST=first, SUM=sum_type(points.dtype), TILE=tile, WIDTH=width, num_warps=warps(tile * width), **EXACT)
    return out


@triton.jit
def _spread(grad, row, start, out, points, rows, channels, DIVIDE: tl.constexpr, SUM: tl.constexpr,
            TILE: tl.constexpr, WIDTH: tl.constexpr):
    point = tl.program_id(0).to(tl.int64) * TILE + tl.arange(0, TILE)
    channel = tl.program_id(1).to(tl.int64) * WIDTH + tl.arange(0, WIDTH)
    there, wanted = point < points, channel < channels
    own = tl.load(row + point, mask=there, other=-1).to(tl.int64)
    inside = there & (own >= 0) & (own < rows)
    share = tl.load(grad + own[:, None] * channels + channel[None, :], mask=inside[:, None] & wanted[None, :],
                    other=0.0).to(SUM)
    if DIVIDE:
        number = tl.load(start + own + 1, mask=inside, other=1) - tl.load(start + own, mask=inside, other=0)
        share = divided(share, tl.broadcast_to(number.to(SUM)[:, None], [TILE, WIDTH]))
    tl.store(out + point[:, None] * channels + channel[None, :], share, mask=there[:, None] & wanted[None, :])


@triton.jit
def _to_maxima(grad, points, largest, order, start, out, channels, point_stride, channel_stride,
               FIRST: tl.constexpr, SUM: tl.constexpr, TILE: tl.constexpr, WIDTH: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1).to(tl.int64) * WIDTH + tl.arange(0, WIDTH)
    wanted = channel < channels
    begins, ends = tl.load(start + row).to(tl.int64), tl.load(start + row + 1).to(tl.int64)
    whole = tl.load(grad + row * channels + channel, mask=wanted, other=0.0).to(SUM)
    top = tl.load(largest + row * channels + channel, mask=wanted, other=0.0).to(SUM)
    ties = tl.full([WIDTH], 0, tl.int32)
    earliest = tl.full([WIDTH], 0, tl.int64) + ends
    for begin in range(begins, ends, TILE):
        place, _, value, mask = gathered(points, order, begin, ends, channel, wanted, point_stride, channel_stride, SUM,
                                         TILE)
        holds = mask & (value == top[None, :])
        if FIRST:
            earliest = tl.minimum(earliest, tl.min(tl.where(holds, place[:, None], ends), axis=0))
        else:
            ties += tl.sum(holds.to(tl.int32), axis=0)
    if FIRST:
        found = wanted & (earliest < ends)
        point = tl.load(order + earliest, mask=found, other=0).to(tl.int64)
        tl.store(out + point * channels + channel, whole, mask=found)
    else:
        part = divided(whole, ties.to(SUM))
        nothing = part * 0.0  # NaN where no point holds the maximum
        for begin in range(begins, ends, TILE):
            _, point, value, mask = gathered(points, order, begin, ends, channel, wanted, point_stride, channel_stride,
                                             SUM, TILE)
            given = tl.where(value == top[None, :], part[None, :], nothing[None, :])
            tl.store(out + point[:, None] * channels + channel[None, :], given, mask=mask)
