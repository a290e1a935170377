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


def rows_where(chosen: Tensor, rows: Tensor, place: Tensor, nowhere: int) -> tuple[Tensor, Tensor]:
    """The chosen rows and their places; inside of ``export_forms`` all rows, those not chosen as zeros at ``nowhere``.

    Args:
        chosen: ``(...)`` bool.
        rows: ``(..., C)``.
        place: ``(...)`` int64.
        nowhere: A place past the last.

    Returns:
        ``(M, C)`` and ``(M,)``.
    """
    if not exporting():
        return rows[chosen], place[chosen]
    return torch.where(chosen[..., None], rows, 0.0).flatten(0, -2), torch.where(chosen, place, nowhere).flatten()


@dataclass(frozen=True)
class ScatterRows:
    """Adds points into cells.

    Attributes:
        rows: Cells of the whole batch.
        row: ``(P,)`` int64, cell of every point; ``rows`` for points off the grid.
    """

    rows: int
    row: Tensor

    @classmethod
    def build(cls, cell: Tensor, inside: Tensor, cells_per_sample: int) -> ScatterRows:
        """From ``(B, ...)`` the flat cell of every point in its own sample and whether it lies on the grid."""
        rows = len(cell) * cells_per_sample
        first = torch.arange(len(cell), device=cell.device).view(-1, *[1] * (cell.dim() - 1)) * cells_per_sample
        return cls(rows=rows, row=torch.where(inside, cell + first, rows).flatten())

    def add(self, points: Tensor, *, mean: bool) -> Tensor:
        """``(P, C)`` -> ``(rows, C)``, the sum or the mean over the points of a cell; 0 where there is none."""
        total = self._sum(points)
        return total / self._sum(torch.ones_like(points[:, :1])).clamp(min=1) if mean else total

    def _sum(self, points: Tensor) -> Tensor:
        return points.new_zeros(self.rows + 1, points.shape[1]).index_put((self.row,), points, accumulate=True)[:-1]


@dataclass(frozen=True)
class ScatterPattern:
    """What ``BEVPoolPattern`` is to the sparse product, to a scatter: the cell of every frustum point.

    Attributes:
        shape, depth_shape: As of ``BEVPoolPattern``.
        points: Cells of the points in the depth map's order.
    """

    shape: tuple[int, int]
    depth_shape: tuple[int, int, int, int]
    points: ScatterRows

    @classmethod
    def build(cls, cell: Tensor, inside: Tensor, cells_per_sample: int) -> ScatterPattern:
        """Arguments as for ``BEVPoolPattern.build``."""
        batch, cameras, height, width, bins = cell.shape
        cell, inside = (part.permute(0, 1, 4, 2, 3) for part in (cell, inside))
        points = ScatterRows.build(cell, inside, cells_per_sample)
        return cls(shape=(points.rows, batch * cameras * height * width), points=points,
                   depth_shape=(batch * cameras, bins, height, width))

    def pool(self, depth: Tensor, features: Tensor, *, mean: bool) -> Tensor:
        """``(rows, C)`` the sum (or the mean) over the points of a cell of ``depth * features``."""
        lifted = depth[..., None] * features.permute(0, 2, 3, 1)[:, None]  # (B*N, D, H, W, C)
        return self.points.add(lifted.reshape(-1, features.shape[1]), mean=mean)
