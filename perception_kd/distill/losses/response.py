"""Comparing the dense outputs of two CenterHeads cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.checks import head_tasks
from perception_kd.distill.losses.base import DistillLoss, no_scale, normaliser
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures.gaussian import centre_cells, class_heatmaps

BRANCHES = dict(reg=1.0, height=1.0, dim=1.0, rot=1.0, vel=1.0)


def quality_focal(logits: Tensor, target: Tensor, beta: float) -> Tensor:
    """``|p - t|^beta * BCE(p, t)`` elementwise with ``p = sigmoid(logits)``; 0, its minimum, at ``p = t``.

    Generalized Focal Loss (Li et al., NeurIPS 2020). The Gaussian focal loss of the detector will not do for
    soft targets: it takes as positive what equals 1 exactly, which a teacher's probability never does, so it
    would only push down.

    Args:
        logits: Any shape.
        target: Same shape, in [0, 1].
        beta: Exponent, at least 1 for a gradient that is finite everywhere.
    """
    error = (logits.sigmoid() - target).abs()
    return error.pow(beta) * functional.binary_cross_entropy_with_logits(logits, target, reduction='none')


@DISTILL_LOSSES.register_module()
class CenterHeadResponse(DistillLoss):
    """Heat maps by :func:`quality_focal`, boxes by L1, per task, summed over tasks (IMKD's response term).

    ``sum W(x) QFL(S, p_T) / Z + box_weight * sum W(x) c(x) sum_k w_k |S_k - T_k| / Z`` where ``c(x)`` says
    where boxes are compared and ``Z = max(1, sum W(x) c(x))`` over the batch. Comparing boxes cell by cell is
    what "matched boxes" become on dense heads. Known minimum: 0 at student = teacher.

    Args:
        beta: Of the heat map part.
        box_weight: Of the box part (0.25 in CenterPoint).
        boxes: ``teacher``: c is the teacher's largest class probability where it exceeds ``threshold``;
            ``truth``: c is 1, and W(x) is multiplied, for the heat maps too, by the largest Gaussian of the true
            boxes of the task's own classes.
        threshold: Least teacher confidence.
        branches: Regression branches to compare and the weight of each of their channels.
        overlap, min_radius: Of the Gaussians of ``truth``, as in CenterHead's ``train_cfg``.
    """

    kinds = ('head',)

    def __init__(
        self,
        *,
        beta: float = 2.0,
        box_weight: float = 0.25,
        boxes: Literal['teacher', 'truth'] = 'teacher',
        threshold: float = 0.1,
        branches: Mapping[str, float] | None = None,
        overlap: float = 0.1,
        min_radius: int = 2,
    ) -> None:
        super().__init__()
        if boxes not in ('teacher', 'truth'):
            raise ValueError(f"CenterHeadResponse: boxes is 'teacher' or 'truth', got '{boxes}'")
        if beta < 1:
            raise ValueError(f'CenterHeadResponse: beta must be at least 1, got {beta}')
        self.beta, self.box_weight, self.boxes, self.threshold = beta, box_weight, boxes, threshold
        self.branches = dict(branches or BRANCHES)
        self.overlap, self.min_radius = overlap, min_radius
        self.needs_boxes = boxes == 'truth'

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; student and teacher are raw outputs (logits) of CenterHead in any of its list forms.

        ``batch`` holds the true boxes, which only ``truth`` looks at.
        """
        no_scale(self, scale)
        ours, theirs = head_tasks(student), head_tasks(teacher)
        check_tasks(type(self).__name__, self.branches, ours, theirs)
        total, first = [], 0
        for mine, other in zip(ours, theirs):
            classes = mine['heatmap'].shape[1]
            total.append(self._task(mine, other, self._weight(weight, batch, first, classes)))
            first += classes
        return torch.stack(total).sum()

    def _weight(self, weight: Tensor | None, batch: DistillBatch, first: int, classes: int) -> Tensor | None:
        if self.boxes == 'teacher':
            return weight
        near = true_heatmaps(batch, first, classes, type(self).__name__, self.overlap, self.min_radius)
        near = near.amax(dim=1, keepdim=True)
        return near if weight is None else near * weight

    def _task(
        self, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], weight: Tensor | None
    ) -> Tensor:
        target = theirs['heatmap'].sigmoid()
        peak = target.amax(dim=1, keepdim=True)
        weight = torch.ones_like(peak) if weight is None else weight
        where = weight * torch.where(peak > self.threshold, peak, 0.0) if self.boxes == 'teacher' else weight
        heat = (quality_focal(ours['heatmap'], target, self.beta) * weight).sum()
        boxes = [
            value * ((ours[name] - theirs[name]).abs() * where).sum()
            for name, value in self.branches.items()
            if name in theirs
        ]
        return (heat + self.box_weight * sum(boxes)) / normaliser(where.sum())

    def __str__(self) -> str:
        return f'CenterHeadResponse(beta {self.beta:g}, boxes {self.box_weight:g} by {self.boxes})'


def true_heatmaps(
    batch: DistillBatch, first: int, classes: int, who: str, overlap: float, min_radius: int
) -> Tensor:
    """The detector's Gaussian targets of one task.

    Args:
        batch: With true boxes and the grid of the heads.
        first: The task's first label.
        classes: Number of its classes.
        who: Names the loss in messages.
        overlap, min_radius: As in CenterHead's ``train_cfg``.

    Returns:
        ``(B, classes, ny, nx)``.

    Raises:
        ValueError: the pair has no grid.
    """
    grid = batch.require_grid(who)
    maps = [
        class_heatmaps(boxes, labels - first, grid, classes, overlap, min_radius)
        for boxes, labels in map(true_boxes, batch.data_samples)
    ]
    return torch.stack(maps).to(batch.device)


def true_boxes(data_sample: Any) -> tuple[Tensor, Tensor]:
    """Boxes ``(K, 7+)`` and labels ``(K,)`` of a sample."""
    truth = data_sample.gt_instances_3d
    boxes = getattr(truth.bboxes_3d, 'tensor', truth.bboxes_3d).float()
    return boxes, truth.labels_3d.to(boxes.device)


def true_centres(batch: DistillBatch, who: str) -> Tensor:
    """Where true boxes are centred, on the grid of the heads; boxes that share a cell count each.

    Args:
        batch: With true boxes and the grid of the heads.
        who: Names the loss in messages.

    Returns:
        ``(K, 4)`` int64: sample, row, column, label; boxes off the grid, of no size or with NaN are left out.

    Raises:
        ValueError: the pair has no grid.
    """
    grid, found = batch.require_grid(who), [torch.zeros(0, 4, dtype=torch.long, device=batch.device)]
    for index, (boxes, labels) in enumerate(map(true_boxes, batch.data_samples)):
        _, cell, good = centre_cells(boxes, grid)
        rows = torch.cat([torch.full_like(labels, index)[:, None], cell.flip(1), labels[:, None]], dim=1)
        found.append(rows[good].long().to(batch.device))
    return torch.cat(found)


def check_tasks(
    who: str, branches: Mapping[str, float], ours: Sequence[Mapping], theirs: Sequence[Mapping]
) -> None:
    """See that two heads have the same tasks and the same ones of ``branches``.

    Raises:
        ValueError: names the difference.
    """
    mine, others = ([task['heatmap'].shape[1] for task in tasks] for tasks in (ours, theirs))
    if mine != others:
        raise ValueError(
            f'{who}: classes per task differ: student {mine}, teacher {others}; give both heads the same tasks'
        )
    for task, other in zip(ours, theirs):
        differing = [name for name in branches if (name in task) != (name in other)]
        if differing:
            raise ValueError(
                f'{who}: only one of the heads has {", ".join(differing)}; leave these out of branches'
            )
