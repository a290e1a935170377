"""Forms of the operators that a graph of standard operators can hold: every shape fixed, no sparse matrix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor

_ACTIVE: ContextVar[bool] = ContextVar('export_forms', default=False)


@contextmanager
def export_forms() -> Iterator[None]:
    """Inside, the operators of this package take their export forms; values are the same up to rounding."""
    token = _ACTIVE.set(True)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def exporting() -> bool:
    """Whether export forms are asked for."""
    return _ACTIVE.get()


@dataclass(frozen=True)
class ScatterPattern:
    """What ``BEVPoolPattern`` is to the sparse product, to a scatter: the cell of every frustum point.

    Attributes:
        shape, depth_shape: As of ``BEVPoolPattern``.
        row: ``(B*N*D*H*W,)`` int64 in the depth map's order; one row past the last for points off the grid.
    """

    shape: tuple[int, int]
    depth_shape: tuple[int, int, int, int]
    row: Tensor

    @classmethod
    def build(cls, cell: Tensor, inside: Tensor, cells_per_sample: int) -> ScatterPattern:
        """Arguments as for ``BEVPoolPattern.build``."""
        batch, cameras, height, width, bins = cell.shape
        rows = batch * cells_per_sample
        first = torch.arange(batch, device=cell.device).view(-1, 1, 1, 1, 1) * cells_per_sample
        row = torch.where(inside, cell + first, rows).permute(0, 1, 4, 2, 3)
        return cls(shape=(rows, batch * cameras * height * width), row=row.reshape(-1),
                   depth_shape=(batch * cameras, bins, height, width))

    def pool(self, depth: Tensor, features: Tensor, mean: bool) -> Tensor:
        """``(rows, C)`` the sum (or the mean) over the points of a cell of ``depth * features``."""
        lifted = depth[:, :, None] * features[:, None]  # (B*N, D, C, H, W)
        pooled = self._add(lifted.permute(0, 1, 3, 4, 2).reshape(-1, features.shape[1]))
        return pooled / self._add(torch.ones_like(depth).reshape(-1, 1)).clamp(min=1) if mean else pooled

    def _add(self, points: Tensor) -> Tensor:
        rows = points.new_zeros(self.shape[0] + 1, points.shape[1])
        return rows.index_put((self.row,), points, accumulate=True)[:-1]
