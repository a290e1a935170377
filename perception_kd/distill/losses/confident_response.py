"""Head outputs compared where the teacher is sure: CRKD's response term and X3KD's output term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.checks import head_tasks
from perception_kd.distill.losses.base import DistillLoss, no_scale, normaliser, ones_like_places
from perception_kd.distill.losses.response import BRANCHES, check_tasks, quality_focal
from perception_kd.registry import DISTILL_LOSSES

_DISTANCES = dict(smooth_l1=functional.smooth_l1_loss, l1=functional.l1_loss)


@DISTILL_LOSSES.register_module()
class ConfidentResponse(DistillLoss):
    """Soft targets by quality focal loss, boxes where the teacher is sure; per task, weighted and summed.

    With ``q = sum over the task's classes of p_T``, ``N`` the cells and classes with ``p_T > count_threshold`` and
    ``K`` the cells with ``q > box_threshold``, all over the batch and weighted by the mask W::

      w_task [ sum W QFL_beta(S, t) / max(1, N)  +  box_weight sum_K W q mean_k d(S_k, T_k) / max(1, |K|) ]

    ``t = p_T``, or 0 where ``p_T <= target_threshold``. CRKD (Zhao et al., CVPR 2024): the defaults, with task weights
    [2, 2, 2, 1, 2, 1]. X3KD's X-OD (Klingner et al., CVPR 2023): targets and boxes of teacher outputs above one
    threshold, ``l1``. Logits become probabilities once; CRKD's released code applies the sigmoid twice to the student.

    Known minimum: 0 at student = teacher (of the heat maps where they are above ``target_threshold``). Invariant to the
    order of classes within a task, and to what the teacher's boxes are where it is not sure.

    Args:
        beta: Of the quality focal loss, at least 1.
        count_threshold: See N. ``box_threshold``: see K.
        target_threshold: Weaker outputs are no targets (0, background); None: all are.
        box_weight: Of the boxes.
        distance: ``smooth_l1`` (turning at 1) or ``l1``, averaged over all channels of the branches.
        task_weights: One number a task; None: all 1.
        branches: Regression branches and the weight of each of their channels.
    """

    kinds = ('head',)

    def __init__(
        self,
        *,
        beta: float = 2.0,
        count_threshold: float = 0.3,
        box_threshold: float = 0.1,
        target_threshold: float | None = None,
        box_weight: float = 40.0,
        distance: Literal['smooth_l1', 'l1'] = 'smooth_l1',
        task_weights: Sequence[float] | None = None,
        branches: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        if beta < 1 or distance not in _DISTANCES:
            raise ValueError(f"ConfidentResponse: beta is at least 1 and distance 'smooth_l1' or 'l1', got {beta} and "
                             f"'{distance}'")
        self.beta, self.box_weight, self.distance = beta, box_weight, distance
        self.count_threshold, self.box_threshold = count_threshold, box_threshold
        self.target_threshold = target_threshold
        self.task_weights = None if task_weights is None else tuple(task_weights)
        self.branches = dict(branches or BRANCHES)

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; student and teacher are raw outputs (logits) of CenterHead in any of its list forms."""
        no_scale(self, scale)
        ours, theirs = head_tasks(student), head_tasks(teacher)
        check_tasks(type(self).__name__, self.branches, ours, theirs)
        shares = self.task_weights or (1.0,) * len(ours)
        if len(shares) != len(ours):
            raise ValueError(f'ConfidentResponse: task_weights has {len(shares)} numbers, the heads have {len(ours)} '
                             'tasks')
        return sum(share * self._task(mine, other, weight) for share, mine, other in zip(shares, ours, theirs))

    def _task(
        self, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], weight: Tensor | None
    ) -> Tensor:
        probability = theirs['heatmap'].sigmoid()
        weight = ones_like_places(probability) if weight is None else weight
        target = probability
        if self.target_threshold is not None:
            target = torch.where(probability > self.target_threshold, probability, 0.0)
        heat = (quality_focal(ours['heatmap'], target, self.beta) * weight).sum()
        heat = heat / normaliser(((probability > self.count_threshold) * weight).sum())
        sure = probability.sum(dim=1, keepdim=True)
        where = (sure > self.box_threshold) * weight
        boxes = (self._gap(ours, theirs) * sure * where).sum() / normaliser(where.sum())
        return heat + self.box_weight * boxes

    def _gap(self, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> Tensor:
        """``(B, 1, ny, nx)``: mean over all channels of the branches."""
        gaps = [value * _DISTANCES[self.distance](ours[name], theirs[name], reduction='none')
                for name, value in self.branches.items() if name in theirs]
        return torch.cat(gaps, dim=1).mean(dim=1, keepdim=True) if gaps else torch.zeros_like(ours['heatmap'][:, :1])

    def __str__(self) -> str:
        return f'ConfidentResponse(beta {self.beta:g}, {self.distance} {self.box_weight:g})'
