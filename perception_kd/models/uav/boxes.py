"""Overlaps of axis-aligned boxes ``x1 y1 x2 y2``, with gradient."""

from __future__ import annotations

import math

import torch
from torch import Tensor

EPS = 1e-7


def pair_iou(ours: Tensor, theirs: Tensor) -> Tensor:
    """Intersection over union of boxes ``(..., 4)`` taken one by one, ``(...)``."""
    low, high = torch.maximum(ours[..., :2], theirs[..., :2]), torch.minimum(ours[..., 2:], theirs[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(-1) for box in (ours, theirs)]
    return shared / (sum(areas) - shared + EPS)


def pair_ciou(ours: Tensor, theirs: Tensor) -> Tensor:
    """Complete IoU of boxes ``(..., 4)`` taken one by one, ``(...)`` in [-1.5, 1].

    ``IoU - d^2 / c^2 - a v`` with d the distance of the centres, c the diagonal of the box around both,
    ``v = (2/pi (atan(w2/h2) - atan(w1/h1)))^2`` and ``a = v / (1 - IoU + v)``, a constant to the gradient (Zheng et
    al., AAAI 2020). The same in any unit of length.
    """
    iou = pair_iou(ours, theirs)
    around = torch.maximum(ours[..., 2:], theirs[..., 2:]) - torch.minimum(ours[..., :2], theirs[..., :2])
    diagonal = around.square().sum(-1) + EPS
    apart = ((ours[..., :2] + ours[..., 2:]) - (theirs[..., :2] + theirs[..., 2:])).square().sum(-1) / 4
    tilt = _tilt(theirs) - _tilt(ours)
    v = (2 / math.pi * tilt).square()
    with torch.no_grad():
        weight = v / (1 - iou + v + EPS)
    return iou - apart / diagonal - weight * v


def _tilt(boxes: Tensor) -> Tensor:
    width, height = (boxes[..., 2:] - boxes[..., :2]).unbind(-1)
    return torch.atan(width / (height + EPS))


def matrix_iou(ours: Tensor, theirs: Tensor) -> Tensor:
    """Intersection over union of each of ``(..., N, 4)`` with each of ``(..., M, 4)``: ``(..., N, M)``."""
    return pair_iou(ours[..., :, None, :], theirs[..., None, :, :])


def centres_and_sizes(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Centres and sizes ``(..., 2)`` of boxes ``(..., 4)``."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low
