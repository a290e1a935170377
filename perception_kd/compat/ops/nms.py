"""Greedy non-maximum suppression of axis-aligned boxes, and the greedy loop that rotated boxes share."""

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 128


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


def nms(bboxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Kept indices, by falling score, of boxes (N, 4) x1 y1 x2 y2.

    A box goes when its overlap with a better kept box is above the threshold. ``offset`` 1 counts the last
    pixel as inside.
    """
    order = scores.sort(dim=0, descending=True).indices
    boxes = bboxes[order].float()
    low, high = boxes[:, :2], boxes[:, 2:]
    area = (high - low + offset).prod(1)

    def suppresses(first: Tensor, second: Tensor) -> Tensor:
        top = torch.maximum(low[first, None], low[second])
        bottom = torch.minimum(high[first, None], high[second])
        shared = (bottom - top + offset).clamp(min=0).prod(2)
        return shared / (area[first, None] + area[second] - shared) > iou_threshold

    return order[greedy_keep(len(boxes), suppresses, boxes.device)]
