"""Small steps that several losses take, safe where there is nothing to see."""

from __future__ import annotations

import torch
from torch import Tensor


def scaled(teacher: Tensor, scale: Tensor | None) -> Tensor:
    """The teacher times its target scale ``(B, 1, ...)``."""
    return teacher if scale is None else teacher * scale


def unit(value: Tensor, dim: int, least: float = 1e-12) -> Tensor:
    """``value`` divided by its length along ``dim``; what is not longer than ``least`` becomes 0, without gradient.

    ``functional.normalize`` would multiply its gradient there by ``1 / eps``.
    """
    length = torch.linalg.vector_norm(value, dim=dim, keepdim=True)
    return torch.where(length > least, value / length.clamp(min=least), torch.zeros_like(value))


def nothing(student: Tensor) -> Tensor:
    """A zero that keeps the student in the graph, as distributed training needs."""
    return (student * 0).sum()


def standardised(value: Tensor, weight: Tensor, dim: int | tuple[int, ...], eps: float = 1e-6) -> Tensor:
    """``(value - mean) / sqrt(var + eps)``, mean and (biased) variance weighted along ``dim``.

    Args:
        value: Any shape.
        weight: Broadcasts to it; not negative. Where its sum is 0 the result is 0.
        dim: Along which.
        eps: Keeps the gradient of a constant finite.
    """
    share = weight.expand_as(value) / weight.expand_as(value).sum(dim=dim, keepdim=True).clamp(min=1e-12)
    centred = value - (value * share).sum(dim=dim, keepdim=True)
    return centred * torch.rsqrt((centred.square() * share).sum(dim=dim, keepdim=True) + eps)
