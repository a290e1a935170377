"""Which cells learn which box: task-aligned assignment (TOOD, Feng et al., ICCV 2021)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from perception_kd.models.uav.boxes import centres_and_sizes, matrix_iou

TINY = 1e-30
LEAST_OVERLAP = 0.05


class Aligned(NamedTuple):
    """Of one picture with N cells.

    Attributes:
        target: ``(N,)`` row of the box that a cell learns, -1 for none.
        quality: ``(N,)`` what its class score shall be, in [0, 1]; 0 where it learns none.
    """

    target: Tensor
    quality: Tensor


@torch.no_grad()
def align(scores: Tensor, boxes: Tensor, places: Tensor, labels: Tensor, truth: Tensor, *, top: int = 10,
          alpha: float = 0.5, beta: float = 6.0, least_side: float = 0.0) -> Aligned:
    """Assign the cells of one picture.

    A cell is a candidate of a box that its place lies in; the ``top`` ones by ``t = s^alpha u^beta`` learn the box, s
    their score of its class and u their IoU with it. A cell of several boxes goes to the one it overlaps most. The
    class score shall be t over the largest t of the box, times the largest IoU of the box (Feng et al., section 3.3).

    IoU below 0.05 counts as 0.05: a target of few px that no prediction overlaps yet is learnt all the same.

    Args:
        scores: ``(N, K)`` probabilities.
        boxes: ``(N, 4)`` predicted, px.
        places: ``(N, 2)`` x, y, px.
        labels: ``(M,)``.
        truth: ``(M, 4)``, px.
        top: Cells of a box.
        alpha, beta: Exponents.
        least_side: A box counts as at least this wide and high, px, in the choice of candidates. With the finest
            stride no box falls between the cells.
    """
    count = len(places)
    if not len(truth):
        return Aligned(torch.full((count,), -1, device=places.device), scores.new_zeros(count))
    centres, sides = centres_and_sizes(truth)
    away = (places[None] - centres[:, None]).abs()
    inside = (away <= sides.clamp(min=least_side)[:, None] / 2).all(-1)
    overlap = matrix_iou(truth, boxes).clamp(min=LEAST_OVERLAP)
    metric = scores.T[labels].pow(alpha) * overlap.pow(beta)
    ranked = torch.where(inside, metric, -1.0)
    best = ranked.topk(min(top, count), dim=1)
    chosen = torch.zeros_like(inside).scatter_(1, best.indices, best.values >= 0)
    target = torch.where(chosen, overlap, -1.0).argmax(0)
    taken = chosen.any(0)
    mine = torch.zeros_like(chosen).scatter_(0, target[None], taken[None])
    metric, overlap = metric * mine, overlap * mine
    quality = metric * overlap.amax(1, keepdim=True) / metric.amax(1, keepdim=True).clamp(min=TINY)
    return Aligned(torch.where(taken, target, -1), quality.amax(0))
