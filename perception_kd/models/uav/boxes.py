"""Overlaps and forms of axis-aligned boxes ``x1 y1 x2 y2``, with gradient."""

from __future__ import annotations

from torch import Tensor

from perception_kd.structures.box_overlap import pair_ciou, pair_iou

__all__ = ['centres_and_sizes', 'matrix_iou', 'pair_ciou', 'pair_iou']


def matrix_iou(ours: Tensor, theirs: Tensor) -> Tensor:
    """Intersection over union of each of ``(..., N, 4)`` with each of ``(..., M, 4)``: ``(..., N, M)``."""
    return pair_iou(ours[..., :, None, :], theirs[..., None, :, :])


def centres_and_sizes(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Centres and sizes ``(..., 2)`` of boxes ``(..., 4)``."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low
