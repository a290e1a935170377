"""Small matrices, number by number.

Matrix libraries add in orders of their own. Written out, every back end rounds alike, so that a point on the border of
a cell falls into the same cell in PyTorch and in an exported graph. There is no operator for an inverse in ONNX either.
"""

from __future__ import annotations

import torch
from torch import Tensor


def small_product(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b`` of ``(..., n, k)`` and ``(..., k, m)`` for a small k, in float32 whatever autocast says."""
    a, b = a.float(), b.float()
    total = a[..., :, :1] * b[..., :1, :]
    for index in range(1, a.shape[-1]):
        total = total + a[..., :, index:index + 1] * b[..., index:index + 1, :]
    return total


def inverse3(matrix: Tensor) -> Tensor:
    """Inverse of ``(..., 3, 3)`` by cofactors, float32; NaN where it is singular or not finite."""
    rows = [[matrix[..., i, j].float() for j in range(3)] for i in range(3)]

    def cofactor(i: int, j: int) -> Tensor:
        below, under, right, beyond = (i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3
        return rows[below][right] * rows[under][beyond] - rows[below][beyond] * rows[under][right]

    cofactors = [[cofactor(i, j) for j in range(3)] for i in range(3)]
    determinant = rows[0][0] * cofactors[0][0] + rows[0][1] * cofactors[0][1] + rows[0][2] * cofactors[0][2]
    regular = torch.isfinite(determinant) & (determinant != 0)
    scale = torch.where(regular, determinant, float('nan'))[..., None, None]
    return torch.stack([torch.stack([cofactors[j][i] for j in range(3)], dim=-1) for i in range(3)], dim=-2) / scale


def affine_inverse(matrix: Tensor) -> Tensor:
    """Inverse of ``(..., 4, 4)`` whose last row is 0, 0, 0, 1, float32."""
    turn = inverse3(matrix[..., :3, :3])
    shift = -small_product(turn, matrix[..., :3, 3:])
    return torch.cat([torch.cat([turn, shift], dim=-1), matrix[..., 3:, :].float()], dim=-2)
