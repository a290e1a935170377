"""Kernels: the sums of a BEV pooling and both its gradients.

Forward, one program a cell adds up ``depth * feature`` of its points; the lifted frustum is never made. Backward, one
program a pixel reads the gradients of the cells that its bins fall into: it adds them up for the feature and takes
their products with the feature for the depth. No two programs write to one place.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from perception_kd.kernels.frustum_pattern import FrustumPattern
from perception_kd.kernels.launch import EXACT, channel_tile, divided, on_device, row_tile, sum_type, warps


def frustum_sums(depth: Tensor, pixels: Tensor, pattern: FrustumPattern, *, mean: bool, dtype: torch.dtype) -> Tensor:
    """``(rows, C)`` of ``dtype`` from depth ``(B*N, D, H, W)`` and features ``(B*N*H*W, C)``, both contiguous."""
    channels = pixels.shape[1]
    out = depth.new_empty(pattern.shape[0], channels, dtype=dtype)
    if not out.numel():
        return out
    width = channel_tile(channels)
    tile = row_tile(width)
    _, bins, height, across = pattern.depth_shape
    with on_device(depth):
        _sums[(pattern.shape[0], triton.cdiv(channels, width))](
            depth, pixels, pattern.segments.order, pattern.segments.start, out, bins, height * across, channels,
            MEAN=mean, SUM=sum_type(dtype), TILE=tile, WIDTH=width, num_warps=warps(tile * width), **EXACT)
    return out


def frustum_gradients(grad: Tensor, depth: Tensor, pixels: Tensor, pattern: FrustumPattern, *, divide: bool,
                      wanted: tuple[bool, bool]) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of depth and features, each with its type; None for what is not wanted.

    Args:
        grad: ``(rows, C)`` of the result.
        depth, pixels, pattern: As of ``frustum_sums``.
        divide: Divide by the points of a cell, as the mean does.
        wanted: Of depth, of features.
    """
    grad, (count, channels) = grad.contiguous(), pixels.shape
    grad_depth = torch.zeros_like(depth) if wanted[0] else None
    grad_pixels = torch.zeros_like(pixels) if wanted[1] else None
    if not pixels.numel() or not pattern.shape[0]:
        return grad_depth, grad_pixels
    width = triton.next_power_of_2(channels)
    tile = row_tile(width)
    _, bins, height, across = pattern.depth_shape
    with on_device(depth):
        _gradients[(count,)](
            grad, depth, pixels, pattern.segments.row, pattern.segments.start, grad_depth, grad_pixels, bins,
            height * across, channels, pattern.shape[0], DIVIDE=divide, DEPTH=wanted[0], PIXELS=wanted[1],
            SUM=sum_type(grad.dtype), TILE=tile, WIDTH=width, num_warps=warps(tile * width), **EXACT)
    return grad_depth, grad_pixels


@triton.jit
def _sums(depth, pixels, order, start, out, bins, area, channels, MEAN: tl.constexpr, SUM: tl.constexpr,
          TILE: tl.constexpr, WIDTH: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1).to(tl.int64) * WIDTH + tl.arange(0, WIDTH)
    wanted = channel < channels
    first, last = tl.load(start + row).to(tl.int64), tl.load(start + row + 1).to(tl.int64)
    total = tl.full([WIDTH], 0.0, SUM)
    for begin in range(first, last, TILE):
        place = begin + tl.arange(0, TILE)
        there = place < last
        point = tl.load(order + place, mask=there, other=0)  # as wide as the number of points needs
        pixel = point // bins
        image = pixel // area
        at = (image * bins + (point - pixel * bins)) * area + (pixel - image * area)
        probability = tl.load(depth + at, mask=there, other=0.0).to(SUM)
        feature = tl.load(pixels + pixel.to(tl.int64)[:, None] * channels + channel[None, :],
                          mask=there[:, None] & wanted[None, :], other=0.0).to(SUM)
        total += tl.sum(probability[:, None] * feature, axis=0)
    if MEAN:
        total = divided(total, tl.maximum(last - first, 1).to(SUM))
    tl.store(out + row * channels + channel, total, mask=wanted)


@triton.jit
def _gradients(grad, depth, pixels, row, start, grad_depth, grad_pixels, bins, area, channels, rows,
               DIVIDE: tl.constexpr, DEPTH: tl.constexpr, PIXELS: tl.constexpr, SUM: tl.constexpr,
               TILE: tl.constexpr, WIDTH: tl.constexpr):
    pixel = tl.program_id(0).to(tl.int64)
    channel = tl.arange(0, WIDTH)
    wanted = channel < channels
    feature = tl.load(pixels + pixel * channels + channel, mask=wanted, other=0.0).to(SUM)
    image = pixel // area
    nearest = image * bins * area + (pixel - image * area)  # the pixel's first bin in the depth map
    total = tl.full([WIDTH], 0.0, SUM)
    for begin in range(0, bins, TILE):
        depth_bin = (begin + tl.arange(0, TILE)).to(tl.int64)
        there = depth_bin < bins
        cell = tl.load(row + pixel * bins + depth_bin, mask=there, other=rows).to(tl.int64)
        inside = there & (cell < rows)
        given = tl.load(grad + cell[:, None] * channels + channel[None, :], mask=inside[:, None] & wanted[None, :],
                        other=0.0).to(SUM)
        if DIVIDE:
            number = tl.load(start + cell + 1, mask=inside, other=1) - tl.load(start + cell, mask=inside, other=0)
            given = divided(given, tl.broadcast_to(number.to(SUM)[:, None], [TILE, WIDTH]))
        at = nearest + depth_bin * area
        if DEPTH:
            product = tl.sum(given * feature[None, :], axis=1)
            tl.store(grad_depth + at, tl.where(inside, product, 0.0), mask=there)
        if PIXELS:
            probability = tl.load(depth + at, mask=inside, other=0.0).to(SUM)
            total += tl.sum(given * probability[:, None], axis=0)
    if PIXELS:
        tl.store(grad_pixels + pixel * channels + channel, total, mask=wanted)
