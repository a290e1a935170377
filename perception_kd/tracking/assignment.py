"""Which track goes with which box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def assign(costs: NDArray, limit: float) -> list[tuple[int, int]]:
    """Pairs (row, column) that make the sum of ``cost - limit`` least; no pair above the limit, each side once.

    So a pair is worth making where it costs less than leaving both alone, as ``lapjv`` with a cost limit has it in
    ByteTrack (Zhang et al., ECCV 2022).

    Args:
        costs: ``(M, N)``; infinite where a pair must not be.
        limit: What a pair may cost at most.
    """
    if costs.size == 0:
        return []
    gain = np.where(costs <= limit, costs - limit, 0.0)
    rows, columns = linear_sum_assignment(gain)
    return [(int(row), int(column)) for row, column in zip(rows, columns) if costs[row, column] <= limit]
