"""The fixed part of a BEV pooling: which frustum point falls into which cell."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from perception_kd.kernels import FrustumPattern, use_kernels
from perception_kd.models.layers.export_forms import ScatterPattern, exporting

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class BEVPoolPattern:
    """Sparsity pattern of the matrix ``cells x pixels`` that pools image features into the BEV grid.

    Several depth bins of one pixel may fall into one cell (steep rays): they share one matrix entry, whose
    value is the sum of their probabilities. Depends on geometry alone, so it is built once where cameras and
    augmentation are fixed, and in every step where they are not.

    Attributes:
        shape: ``(rows, columns)`` = cells and pixels of the whole batch.
        depth_shape: ``(B*N, D, H, W)`` of the depth map that it belongs to.
        crow, col: CSR pattern, rows are cells; int32 where the sizes allow.
        crow_t, col_t: CSR pattern of the transposed matrix.
        to_t: ``(E,)`` position in the first pattern of every entry of the transposed one.
        point: ``(P,)`` flat index into the depth map of every frustum point on the grid, sorted by entry.
        entry: ``(P,)`` matrix entry of every such point.
        count: ``(rows,)`` float, frustum points per cell.
    """

    shape: tuple[int, int]
    depth_shape: tuple[int, int, int, int]
    crow: Tensor
    col: Tensor
    crow_t: Tensor
    col_t: Tensor
    to_t: Tensor
    point: Tensor
    entry: Tensor
    count: Tensor

    @property
    def entries(self) -> int:
        """Number of entries of the matrix."""
        return self.col.numel()

    @classmethod
    @torch.no_grad()
    def build(cls, cell: Tensor, inside: Tensor,
              cells_per_sample: int) -> BEVPoolPattern | FrustumPattern | ScatterPattern:
        """Sort the frustum points by cell and count; inside of ``export_forms`` only name their cells.

        Where Triton's kernels run (``use_kernels``), it is the pattern that they want.

        Args:
            cell: ``(B, N, H, W, D)`` integer, flat cell index of every frustum point in its own sample.
            inside: The same shape, bool: whether the point lies on the grid.
            cells_per_sample: ``ny * nx``.
        """
        if cell.dim() != 5 or cell.shape != inside.shape:
            raise ValueError(f'BEVPoolPattern needs cell and inside of one shape (B, N, H, W, D), '
                             f'got {tuple(cell.shape)} and {tuple(inside.shape)}')
        if exporting():
            return ScatterPattern.build(cell, inside, cells_per_sample)
        if use_kernels(cell):
            return FrustumPattern.build(cell, inside, cells_per_sample)
        batch, cameras, height, width, bins = cell.shape
        rows, columns = batch * cells_per_sample, batch * cameras * height * width
        index = torch.int32 if max(rows, columns, cell.numel()) < _INT32_MAX else torch.int64
        row, pixel, point = _points_in_pixel_order(cell, inside, cells_per_sample, index)
        row, order = torch.sort(row, stable=True)  # within a cell: by pixel, then by depth
        pixel, point = pixel.index_select(0, order), point.index_select(0, order)
        first = torch.ones_like(row, dtype=torch.bool)
        first[1:] = (row[1:] != row[:-1]) | (pixel[1:] != pixel[:-1])
        entry = torch.cumsum(first, 0) - 1
        begin = torch.nonzero(first)[:, 0]
        entry_row, entry_col = row.index_select(0, begin), pixel.index_select(0, begin)
        col_t, to_t = torch.sort(entry_col, stable=True)
        return cls(
            shape=(rows, columns), depth_shape=(batch * cameras, bins, height, width),
            crow=row_pointers(entry_row, rows, index), col=entry_col,
            crow_t=row_pointers(col_t, columns, index), col_t=entry_row.index_select(0, to_t), to_t=to_t,
            point=point, entry=entry, count=torch.bincount(row, minlength=rows).float())


def _points_in_pixel_order(cell: Tensor, inside: Tensor, cells_per_sample: int,
                           index: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Row, column and flat depth index of each valid point, pixel by pixel."""
    _, cameras, height, width, bins = cell.shape
    place = torch.nonzero(inside.reshape(-1))[:, 0]
    number = place.to(index)  # 32 bits divide several times as fast as 64
    pixel = torch.div(number, bins, rounding_mode='trunc')
    image = torch.div(pixel, height * width, rounding_mode='trunc')
    row = torch.div(image, cameras, rounding_mode='trunc') * cells_per_sample
    row += cell.reshape(-1).index_select(0, place).to(index)
    # (image, pixel, bin) -> (image, bin, pixel)
    point = (image * bins + (number - pixel * bins)) * (height * width) + (pixel - image * height * width)
    return row, pixel, point.long()


def row_pointers(sorted_rows: Tensor, rows: int, index: torch.dtype) -> Tensor:
    pointers = torch.zeros(rows + 1, dtype=torch.int64, device=sorted_rows.device)
    torch.cumsum(torch.bincount(sorted_rows, minlength=rows), 0, out=pointers[1:])
    return pointers.to(index)
