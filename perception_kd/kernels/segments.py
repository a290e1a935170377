"""Points sorted by the row that they belong to: what turns a scatter into sums over segments."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Segments:
    """Which points make up each row.

    Attributes:
        rows: Number of rows.
        row: ``(P,)`` integer, row of every point; below 0 or from ``rows`` on: of none.
        order: ``(K,)`` integer, points sorted by row, in their own order within a row.
        start: ``(rows + 1,)`` integer, where each row begins in ``order``, and the end of the last.
    """

    rows: int
    row: Tensor
    order: Tensor
    start: Tensor

    @classmethod
    @torch.no_grad()
    def sort(cls, row: Tensor, rows: int) -> Segments:
        """From ``(P,)`` rows. Nothing waits for the GPU: no size depends on values."""
        ordered, order = torch.sort(row, stable=True)
        narrow = len(row) < INT32_MAX
        edges = torch.arange(rows + 1, dtype=row.dtype, device=row.device)
        start = torch.searchsorted(ordered, edges, out_int32=narrow)
        return cls(rows=rows, row=row, order=order.to(torch.int32) if narrow else order, start=start)
