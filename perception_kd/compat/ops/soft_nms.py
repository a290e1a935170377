"""Soft non-maximum suppression (Bodla et al., 2017), in the order of the compiled op.

The compiled op keeps its boxes in one array and fills the gap of a discarded box with the last one, so the
order of later ties, and with it the result, depends on these moves; they are repeated here. All arithmetic is
float32, as there.
"""

import numpy as np
import torch
from torch import Tensor

NAIVE, LINEAR, GAUSSIAN = 0, 1, 2


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Indices of the boxes that remain, by falling weighted score, (K,) int64.

    The best remaining box is taken, and the scores of the others are weighted by their overlap ``o`` with it:
    by 0 (method 0) or ``1 - o`` (method 1) where ``o`` reaches the threshold, by ``exp(-o^2 / sigma)`` (method
    2) everywhere. A box whose score falls below ``min_score`` is discarded.

    Args:
        boxes: (N, 4) x1 y1 x2 y2.
        scores: (N,).
        dets: (N, 5), the first K rows are filled with box and weighted score.
        offset: 1 counts the last pixel as inside, 0 does not.
    """
    rows = _rows(boxes, scores, offset)
    limits = tuple(np.float32(value) for value in (iou_threshold, sigma, min_score))
    taken = []
    with np.errstate(all='ignore'):
        while len(rows):
            _swap(rows, _best(rows[:, 4]))
            best, rows = rows[0], rows[1:]
            taken.append(best)
            rows[:, 4] *= _weights(_overlaps(best, rows, offset), method, *limits[:2])
            rows = _without(rows, rows[:, 4] < limits[2])
    if not taken:
        return torch.zeros(0, dtype=torch.long)
    kept = np.stack(taken)
    dets[: len(kept)] = torch.from_numpy(kept[:, :5]).to(dets)
    return torch.from_numpy(np.ascontiguousarray(kept[:, 6]).view(np.int32).astype(np.int64))


def _rows(boxes: Tensor, scores: Tensor, offset: int) -> np.ndarray:
    """(N, 7) float32: x1 y1 x2 y2 score area, and the bits of the int32 index."""
    rows = np.empty((len(boxes), 7), np.float32)
    rows[:, :4] = boxes.detach().cpu().numpy()
    rows[:, 4] = scores.detach().cpu().numpy()
    rows[:, 5] = (rows[:, 2] - rows[:, 0] + np.float32(offset)) * (rows[:, 3] - rows[:, 1] + np.float32(offset))
    rows[:, 6] = np.arange(len(boxes), dtype=np.int32).view(np.float32)
    return rows


def _best(scores: np.ndarray) -> int:
    """The first of the highest; a NaN is beaten by none and beats none."""
    return 0 if np.isnan(scores[0]) else int(np.where(np.isnan(scores), -np.inf, scores).argmax())


def _swap(rows: np.ndarray, index: int) -> None:
    rows[[0, index]] = rows[[index, 0]]


def _overlaps(best: np.ndarray, rows: np.ndarray, offset: int) -> np.ndarray:
    low, high = np.maximum(best[:2], rows[:, :2]), np.minimum(best[2:4], rows[:, 2:4])
    width, height = np.fmax(high - low + np.float32(offset), np.float32(0)).T
    shared = width * height
    return shared / (best[5] + rows[:, 5] - shared)


def _weights(overlap: np.ndarray, method: int, iou_threshold: np.float32, sigma: np.float32) -> np.ndarray:
    if method == GAUSSIAN:
        return np.exp((-(overlap * overlap) / sigma).astype(np.float64)).astype(np.float32)
    if method not in (NAIVE, LINEAR):
        return np.ones_like(overlap)
    weight = np.float32(1) - overlap if method == LINEAR else np.float32(0)
    return np.where(overlap >= iou_threshold, weight, np.float32(1))


def _without(rows: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """The others; gaps are filled, from the front, with those at the back, from the end."""
    number = len(rows) - int(gone.sum())
    gaps = np.flatnonzero(gone[:number])
    back = number + np.flatnonzero(~gone[number:])
    rows[gaps] = rows[back[::-1]]
    return rows[:number]
