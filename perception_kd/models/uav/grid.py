"""Cells of a level."""

from __future__ import annotations

import torch
from torch import Tensor


def cell_corners(height: int, width: int, *, like: Tensor) -> Tensor:
    """``(2, H, W)``: x and y of the upper left corner of every cell, in cells, float32."""
    y, x = torch.meshgrid(torch.arange(height, device=like.device, dtype=torch.float32),
                          torch.arange(width, device=like.device, dtype=torch.float32), indexing='ij')
    return torch.stack([x, y])
