"""The fixed part of a BEV pooling by kernels: which frustum point falls into which cell."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from perception_kd.kernels.segments import INT32_MAX, Segments


@dataclass(frozen=True)
class FrustumPattern:
    """What ``BEVPoolPattern`` is to the sparse-matrix product, to the kernels: one sort, nothing transposed.

    Attributes:
        shape: ``(rows, columns)`` = cells and pixels of the whole batch.
        depth_shape: ``(B*N, D, H, W)`` of the depth map that it belongs to.
        segments: The cells' points, counted image by image, pixel by pixel, bin by bin (the bins of a pixel side by
            side).
    """

    shape: tuple[int, int]
    depth_shape: tuple[int, int, int, int]
    segments: Segments

    @classmethod
    @torch.no_grad()
    def build(cls, cell: Tensor, inside: Tensor, cells_per_sample: int) -> FrustumPattern:
        """Arguments as for ``BEVPoolPattern.build``. Nothing waits for the GPU."""
        batch, cameras, height, width, bins = cell.shape
        rows = batch * cells_per_sample
        sample = torch.arange(batch, device=cell.device).view(-1, 1, 1, 1, 1)
        row = torch.where(inside, cell + sample * cells_per_sample, rows).flatten()
        return cls(shape=(rows, batch * cameras * height * width), depth_shape=(batch * cameras, bins, height, width),
                   segments=Segments.sort(row.to(torch.int32) if rows < INT32_MAX else row, rows))
