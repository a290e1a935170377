"""Overlaps of axis-aligned boxes ``x1 y1 x2 y2`` taken one by one, with gradient."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LEAST = 1e-4  # of a side: below it a box has no area and no proportion


def pair_iou(ours: Tensor, theirs: Tensor) -> Tensor:
    """Intersection over union of boxes ``(..., 4)``, ``(...)``; 0 of boxes without area."""
    low, high = torch.maximum(ours[..., :2], theirs[..., :2]), torch.minimum(ours[..., 2:], theirs[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(-1) for box in (ours, theirs)]
    return shared / (sum(areas) - shared).clamp(min=_LEAST**2)


def pair_ciou(ours: Tensor, theirs: Tensor) -> Tensor:
    """Complete IoU of boxes ``(..., 4)``, ``(...)`` in [-1.5, 1]; 1 for equal boxes.

    ``IoU - d^2 / c^2 - a v`` with d the distance of the centres, c the diagonal of the box around both,
    ``v = (2/pi (atan(w2/h2) - atan(w1/h1)))^2`` and ``a = v / (1 - IoU + v)``, a constant to the gradient (Zheng et
    al., AAAI 2020). The same in any unit of length in which boxes are not tiny; finite for boxes without area.
    """
    iou = pair_iou(ours, theirs)
    around = torch.maximum(ours[..., 2:], theirs[..., 2:]) - torch.minimum(ours[..., :2], theirs[..., :2])
    diagonal = around.square().sum(-1).clamp(min=_LEAST**2)
    apart = ((ours[..., :2] + ours[..., 2:]) - (theirs[..., :2] + theirs[..., 2:])).square().sum(-1) / 4
    v = (2 / math.pi * (_tilt(theirs) - _tilt(ours))).square()
    with torch.no_grad():
        weight = v / (1 - iou + v).clamp(min=1e-7)
    return iou - apart / diagonal - weight * v


def _tilt(boxes: Tensor) -> Tensor:
    width, height = (boxes[..., 2:] - boxes[..., :2]).clamp(min=_LEAST).unbind(-1)
    return torch.atan(width / height)
