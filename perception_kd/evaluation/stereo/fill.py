"""Values for the pixels that a matcher leaves out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_background(disparity: NDArray[np.floating]) -> NDArray[np.float32]:
    """Fill holes (not finite) of (H, W) px from their row: the smaller of the nearest values left and right.

    Holes are mostly what the right picture does not see, which lies behind what hides it, so that the farther side
    goes on; KITTI's development kit fills sparse results by this rule. At the rim the one neighbour there is; a row
    without any value takes those of the nearest row (the upper one of two).

    Raises:
        ValueError: no pixel has a value.
    """
    disparity = np.asarray(disparity, np.float32)
    known = np.isfinite(disparity)
    if not known.any():
        raise ValueError('no pixel of the map has a disparity; are the two pictures of one scene, left and right, and '
                         'is max_disp large enough?')
    rows = known.any(1)
    left = _carried(disparity[rows], known[rows])
    right = _carried(disparity[rows, ::-1], known[rows, ::-1])[:, ::-1]
    filled = np.fmin(left, right)
    there = np.flatnonzero(rows)
    after = np.clip(np.searchsorted(there, np.arange(len(rows))), 0, len(there) - 1)
    before = np.clip(after - 1, 0, None)
    away = [np.abs(there[one] - np.arange(len(rows))) for one in (before, after)]
    return filled[np.where(away[0] <= away[1], before, after)]


def _carried(disparity: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Each pixel's last value on its left, itself included; NaN where there is none."""
    place = np.where(known, np.arange(known.shape[1]), -1)
    last = np.maximum.accumulate(place, axis=1)
    return np.where(last >= 0, np.take_along_axis(disparity, np.maximum(last, 0), 1), np.nan)
