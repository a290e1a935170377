"""One box of several that mean one target: suppression and merging, by intersection over union or over the smaller.

The three ways are those of SAHI (Akyon et al., 2022, "Slicing Aided Hyper Inference", arXiv 2202.06934).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from perception_kd.compat.ops.nms import by_falling_score

METHODS = ('nms', 'greedy_nmm', 'nmm')
METRICS = ('iou', 'ios')


class Detections(NamedTuple):
    """Boxes ``(N, 4)`` xyxy px, scores ``(N,)`` and labels ``(N,)`` int64 of one picture."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def at(self, rows: Tensor | slice) -> Detections:
        """Those of some rows."""
        return Detections(self.boxes[rows], self.scores[rows], self.labels[rows])

    @classmethod
    def joined(cls, parts: list[Detections]) -> Detections:
        """All of one or more."""
        return cls(*map(torch.cat, zip(*parts)))


def merge_boxes(found: Detections, *, method: str = 'nms', metric: str = 'ios', threshold: float = 0.5,
                merge_score: float = 0.0) -> Detections:
    """Leave one box of those of a class that overlap, strongest first.

    Args:
        found: In any order; equal scores keep theirs.
        method: ``nms``: a weaker box goes. ``greedy_nmm``: the strongest one grows around the weaker ones that overlap
            with it, one after another, as long as they overlap with what it has become. ``nmm``: those that overlap
            with the weaker ones join, too.
        metric: ``iou``: shared area over that of the union; ``ios``: over that of the smaller box.
        threshold: Overlap from which on two boxes are one target.
        merge_score: Boxes below are suppressed, but nothing grows around them. Without it, faint boxes, of which
            there are hundreds where a model is scored from 0.001 on, blow up the good ones.

    Raises:
        ValueError: an unknown method or metric, or a threshold outside of 0 to 1.
    """
    check_merging(method, metric, threshold)
    found = found.at(by_falling_score(found.scores))
    kept = [_merge_class(found.at(rows), rows, method, metric, threshold, merge_score)
            for rows in (torch.nonzero(found.labels == label)[:, 0] for label in found.labels.unique())]
    if not kept:
        return found
    rows, boxes = (torch.cat(part) for part in zip(*kept))
    order = rows.argsort()
    return found.at(rows[order])._replace(boxes=boxes[order])


def check_merging(method: str, metric: str, threshold: float) -> None:
    """See that there is such a merging.

    Raises:
        ValueError: it names what there is.
    """
    if method not in METHODS:
        raise ValueError(f'boxes are merged by one of {", ".join(METHODS)}, got {method!r}')
    if metric not in METRICS:
        raise ValueError(f'overlap is one of {", ".join(METRICS)}, got {metric!r}')
    if not 0 < threshold <= 1:
        raise ValueError(f'the threshold of overlaps is above 0 and at most 1, got {threshold:g}')


def overlaps(first: Tensor, second: Tensor, metric: str) -> Tensor:
    """``(A, B)`` overlap of boxes ``(A, 4)`` and ``(B, 4)`` xyxy; 0 where a box has no area."""
    shared = shared_areas(first, second)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1) for boxes in (first, second)]
    smaller = torch.minimum(areas[0][:, None], areas[1])
    over = smaller if metric == 'ios' else areas[0][:, None] + areas[1] - shared
    return torch.where(over > 0, shared / over.clamp(min=torch.finfo(shared.dtype).tiny), shared.new_zeros(()))


def shared_areas(first: Tensor, second: Tensor) -> Tensor:
    """``(A, B)`` area that boxes ``(A, 4)`` and ``(B, 4)`` xyxy have in common."""
    size = torch.minimum(first[:, None, 2:], second[:, 2:]) - torch.maximum(first[:, None, :2], second[:, :2])
    return size.clamp(min=0).prod(-1)


def _merge_class(found: Detections, rows: Tensor, method: str, metric: str, threshold: float, merge_score: float
                 ) -> tuple[Tensor, Tensor]:
    """Rows of the leaders of one class, and their boxes."""
    boxes = found.boxes.double().cpu()
    groups = _groups(boxes, lambda one, others: overlaps(one, others, metric) >= threshold, method == 'nmm')
    if method != 'nms':
        grows = (found.scores >= merge_score).tolist()
        for leader, members in groups.items():
            for member in members:
                if grows[member] and overlaps(boxes[leader, None], boxes[member, None], metric) >= threshold:
                    boxes[leader, :2] = torch.minimum(boxes[leader, :2], boxes[member, :2])
                    boxes[leader, 2:] = torch.maximum(boxes[leader, 2:], boxes[member, 2:])
    leaders = torch.tensor(list(groups), dtype=torch.long)
    return rows[leaders.to(rows.device)], boxes[leaders].to(found.boxes)


def _groups(boxes: Tensor, match: Callable[[Tensor, Tensor], Tensor], transitive: bool) -> dict[int, list[int]]:
    """Leader -> its members, all by falling score; every box is in one group.

    Args:
        boxes: ``(N, 4)`` by falling score.
        match: Of boxes (1, 4) and (M, 4): (1, M) whether they overlap.
        transitive: Whether members bring in those that overlap with them.
    """
    free = torch.ones(len(boxes), dtype=torch.bool)
    leader_of, groups = list(range(len(boxes))), {}
    for index in range(len(boxes)):
        leads = bool(free[index])
        if leads:
            free[index], groups[index] = False, []
        if leads or transitive:
            joining = torch.nonzero(free)[:, 0]
            joining = joining[match(boxes[index, None], boxes[joining])[0]]
            free[joining] = False
            for other in joining.tolist():
                leader_of[other] = leader_of[index]
            groups[leader_of[index]] += joining.tolist()
    return groups
