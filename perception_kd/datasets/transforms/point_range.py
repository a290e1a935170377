"""Which points lie in a box: column by column, several times as fast as over rows of a few numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def in_range(points: np.ndarray, low: Sequence[float], high: Sequence[float]) -> np.ndarray:
    """``low <= points < high`` in the first ``len(low)`` columns; NaN lies nowhere.

    Args:
        points: (P, C).
        low, high: One number a column.

    Returns:
        (P,) bool.
    """
    inside = np.ones(len(points), bool)
    for column, (least, bound) in enumerate(zip(low, high, strict=True)):
        values = points[:, column]
        inside &= values >= least
        inside &= values < bound
    return inside
