"""Whether the two pictures of a pair bear a disparity out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
_SSIM_1, _SSIM_2 = 0.01 ** 2, 0.03 ** 2  # Wang et al., 2004, for values 0..1
_SSIM_WEIGHT = 0.85


def seen_in_right(values: NDArray, disparity: Map) -> NDArray:
    """Values of the right picture where the pixels of the left one lie in it: ``values(x - d)``, linear in between.

    Args:
        values: ``(H, W)`` or ``(H, W, C)`` of the right picture.
        disparity: ``(H, W)`` px of the left picture.

    Returns:
        float32 of the same shape, NaN where ``x - d`` is outside.
    """
    height, width = disparity.shape
    x = np.arange(width, dtype=np.float32) - disparity
    inside = (x >= 0) & (x <= width - 1)
    x = np.where(inside, x, 0)
    before = np.minimum(x.astype(np.intp), max(width - 2, 0))
    after, share = np.minimum(before + 1, width - 1), (x - before).astype(np.float32)
    rows = np.arange(height)[:, None]
    if values.ndim == 3:
        share, inside = share[..., None], inside[..., None]
    found = (1 - share) * values[rows, before] + share * values[rows, after]
    return np.where(inside, found, np.float32(np.nan)).astype(np.float32)


def left_right(disparity: Map, disparity_right: Map, most: float = 1.0) -> Mask:
    """``|d_L(x) - d_R(x - d_L(x))| < most``: what both views say alike. False where the right picture does not see it.

    Args:
        disparity: ``(H, W)`` px of the left picture, ``x_right = x_left - d``.
        disparity_right: ``(H, W)`` px of the right picture, ``x_left = x_right + d``.
        most: px.
    """
    with np.errstate(invalid='ignore'):
        return np.abs(disparity - seen_in_right(disparity_right, disparity)) < most


def photometric_error(left: NDArray[np.uint8], right: NDArray[np.uint8], disparity: Map) -> Map:
    """``(H, W)`` in 0..1: how unlike the left picture is to the right one seen through the disparity.

    ``0.85 (1 - SSIM) / 2 + 0.15 |difference|`` over 3x3 pixels, mean of the channels (Godard et al., 2017). 1 where the
    right picture does not see the pixel.

    Args:
        left, right: ``(H, W, 3)`` RGB.
        disparity: ``(H, W)`` px.
    """
    ours, theirs = left.astype(np.float32) / 255, seen_in_right(right.astype(np.float32) / 255, disparity)
    outside = np.isnan(theirs).any(-1)
    theirs = np.where(outside[..., None], ours, theirs)
    error = _SSIM_WEIGHT * (1 - _ssim(ours, theirs)) / 2 + (1 - _SSIM_WEIGHT) * np.abs(ours - theirs)
    return np.where(outside, 1, error.mean(-1)).astype(np.float32)


def _ssim(ours: Map, theirs: Map) -> Map:
    def mean(values: Map) -> Map:
        return cv2.blur(values, (3, 3))

    a, b = mean(ours), mean(theirs)
    var_a, var_b, both = mean(ours * ours) - a * a, mean(theirs * theirs) - b * b, mean(ours * theirs) - a * b
    alike = (2 * a * b + _SSIM_1) * (2 * both + _SSIM_2)
    return np.clip(alike / ((a * a + b * b + _SSIM_1) * (var_a + var_b + _SSIM_2)), -1, 1)
