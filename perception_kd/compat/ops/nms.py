"""Greedy non-maximum suppression of axis-aligned boxes, and the greedy loop that rotated boxes share.

Boxes of equal score keep their order, as in the sorting of the torch versions that mmcv 2.1 was made for;
a compiled op on a newer torch, whose default sort is not stable, may order them otherwise.
"""

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 128
LONGEST = 2.0**31  # the compiled op's limit to the sides of a shared area


def by_falling_score(scores: Tensor) -> Tensor:
    """(N,) order of falling scores, NaN first, equal ones as they come."""
    return torch.sort(scores, dim=0, descending=True, stable=True).indices


def greedy_keep(number: int, suppresses: Callable[[Tensor, Tensor], Tensor], device: torch.device) -> Tensor:
    """Indices kept by greedy suppression of boxes that are already sorted, best first.

    Works in blocks, so that memory grows with ``BLOCK * number`` and later blocks only hold survivors.

    Args:
        number: number of boxes.
        suppresses: of index tensors (A,) and (B,), the (A, B) bool matrix "the first overlaps the second".

    Returns:
        (K,) int64 kept positions, increasing.
    """
    alive = torch.arange(number, device=device)
    kept = []
    while alive.numel():
        block, alive = alive[:BLOCK], alive[BLOCK:]
        block = block[_keep_within(suppresses(block, block))]
        kept.append(block)
        if alive.numel():
            alive = alive[~suppresses(block, alive).any(0)]
    return torch.cat(kept) if kept else alive


def _keep_within(overlap: Tensor) -> Tensor:
    """Greedy loop inside one block; ``overlap`` (A, A) bool; gives kept rows."""
    rows = overlap.cpu().numpy()
    gone = rows[0] & False
    keep = []
    for index in range(len(rows)):
        if not gone[index]:
            keep.append(index)
            gone |= rows[index]
    return torch.tensor(keep, dtype=torch.long, device=overlap.device)


class BoxOverlaps:
    """Overlaps of axis-aligned boxes among themselves, by index, in the arithmetic of the compiled ops.

    Args:
        boxes: (N, 4) x1 y1 x2 y2.
        offset: 1 counts the last pixel as inside, 0 does not.
    """

    def __init__(self, boxes: Tensor, offset: int = 0) -> None:
        self.edges = boxes[:, :4].float().unbind(1)
        self.offset = offset
        x1, y1, x2, y2 = self.edges
        self.area = (x2 - x1 + offset) * (y2 - y1 + offset)

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """(A, B) intersection over union; NaN where that is undefined, which is above no threshold."""
        ax1, ay1, ax2, ay2 = (edge[first, None] for edge in self.edges)
        bx1, by1, bx2, by2 = (edge[second] for edge in self.edges)
        width = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1) + self.offset).clamp(min=0)
        height = (torch.minimum(ay2, by2) - torch.maximum(ay1, by1) + self.offset).clamp(min=0)
        shared = width * height
        return shared / (self.area[first, None] + self.area[second] - shared)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Kept indices, by falling score, of boxes (N, 4) x1 y1 x2 y2.

    A box goes when its overlap with a better kept box is *above* the threshold. ``offset`` 1 counts the last
    pixel as inside.
    """
    order = by_falling_score(scores)
    overlaps = BoxOverlaps(boxes[order], offset)
    return order[greedy_keep(len(boxes), lambda a, b: overlaps(a, b) > iou_threshold, boxes.device)]


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Groups of boxes (N, 5) x1 y1 x2 y2 score: a kept box, then all that it suppresses, by falling score.

    A box goes when its overlap *reaches* the threshold.
    """
    order = by_falling_score(dets[:, 4])
    overlaps = BoxOverlaps(dets[order])
    alive = torch.arange(len(dets), device=dets.device)
    groups = []
    while alive.numel():
        gone = overlaps(alive[:1], alive[1:])[0] >= iou_threshold
        groups.append(order[torch.cat([alive[:1], alive[1:][gone]])].tolist())
        alive = alive[1:][~gone]
    return groups


def bbox_overlaps(
    bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode: int = 0, aligned: bool = False, offset: int = 0
) -> None:
    """Write overlaps of boxes (N, 4) and (M, 4) into ``ious`` (N, M), or (N,) if aligned.

    Args:
        mode: 0 divides the shared area by the union, 1 by the first box's area.
        offset: 1 counts the last pixel as inside, 0 does not.
    """
    first, second = (bboxes1, bboxes2) if aligned else (bboxes1[:, None], bboxes2[None])
    low, high = torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:])
    width, height = (high - low + offset).clamp(0, LONGEST).unbind(-1)
    area1, area2 = ((b[..., 2] - b[..., 0] + offset) * (b[..., 3] - b[..., 1] + offset) for b in (first, second))
    shared = width * height
    ious.copy_(shared / (area1 if mode else area1 + area2 - shared))
