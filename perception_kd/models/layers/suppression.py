"""Non-maximum suppression class by class, of boxes in the ground plane and in pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from perception_kd.compat.ops.nms import BoxOverlaps, by_falling_score, greedy_keep
from perception_kd.compat.ops.rotated import nms_rotated as nms_rotated_twin


def circle_nms(xy: Tensor, scores: Tensor, labels: Tensor, radius: Tensor) -> Tensor:
    """Greedy suppression of weaker boxes of the same class within ``radius[label]`` metres.

    Args:
        xy: ``(K, 2)`` centres in metres.
        scores: ``(K,)``; equal ones keep their order.
        labels: ``(K,)`` int64.
        radius: ``(classes,)`` metres.

    Returns:
        Indices of the boxes that stay, strongest first, int64.
    """
    order = by_falling_score(scores)
    xy, labels, radius = xy[order].cpu(), labels[order].cpu(), radius.cpu()

    def suppresses(first: Tensor, second: Tensor) -> Tensor:
        square = (xy[first, None] - xy[second]).square().sum(-1)
        return (square <= radius[labels[first], None].square()) & (labels[first, None] == labels[second])

    return order[greedy_keep(len(order), suppresses, xy.device).to(order.device)]


def box_nms(boxes: Tensor, scores: Tensor, labels: Tensor, threshold: float) -> Tensor:
    """Greedy suppression of weaker boxes of the same class that overlap by more than ``threshold``.

    Args:
        boxes: ``(K, 4)`` x1 y1 x2 y2.
        scores: ``(K,)``; equal ones keep their order.
        labels: ``(K,)`` int64.
        threshold: Shared area over the area of the union.

    Returns:
        Indices of the boxes that stay, strongest first, int64.
    """
    order = by_falling_score(scores)
    overlaps, labels = BoxOverlaps(boxes[order].cpu()), labels[order].cpu()

    def suppresses(first: Tensor, second: Tensor) -> Tensor:
        return (overlaps(first, second) > threshold) & (labels[first, None] == labels[second])

    return order[greedy_keep(len(order), suppresses, labels.device).to(order.device)]


def rotated_nms(boxes: Tensor, scores: Tensor, labels: Tensor, threshold: float) -> Tensor:
    """Greedy suppression of weaker boxes of the same class that overlap by ``threshold`` or more.

    Args:
        boxes: ``(K, 5)`` x, y, l, w (m) and yaw (radians, from x towards y).
        scores: ``(K,)``; equal ones keep their order.
        labels: ``(K,)`` int64.
        threshold: Shared area over the area of the union.

    Returns:
        Indices of the boxes that stay, strongest first, int64.
    """
    def one_class(rows: Tensor) -> Tensor:
        part, strength = boxes[rows].cpu(), scores[rows].cpu()
        kept = nms_rotated_twin(part, strength, rows, part, rows, threshold, False)
        return rows[kept.to(rows.device)]

    return _by_class(one_class, scores, labels)


def _by_class(one_class: Callable[[Tensor], Tensor], scores: Tensor, labels: Tensor) -> Tensor:
    """Join what ``one_class`` keeps of the rows of each class, strongest first."""
    kept = [one_class(torch.nonzero(labels == label)[:, 0]) for label in labels.unique()]
    rows = torch.cat(kept).sort().values if kept else labels.new_zeros(0)
    return rows[by_falling_score(scores[rows])]
