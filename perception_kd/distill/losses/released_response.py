"""The response loss in the form that LabelDistill has released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.checks import head_tasks
from perception_kd.distill.losses.base import DistillLoss, no_scale, normaliser
from perception_kd.distill.losses.response import BRANCHES, check_tasks, true_centres, true_heatmaps
from perception_kd.registry import DISTILL_LOSSES


def gaussian_focal(probability: Tensor, target: Tensor) -> Tensor:
    """Elementwise ``-(1-p)^2 log p`` where the target is 1, else ``-(1-t)^4 p^2 log(1-p)`` (CornerNet, 2018)."""
    up = -((1 - probability).square() * probability.log())
    down = -((1 - target).pow(4) * probability.square() * torch.log1p(-probability))
    return torch.where(target == 1, up, down)


@DISTILL_LOSSES.register_module()
class GaussianFocalResponse(DistillLoss):
    """``GaussianFocal(p_S, p_T * G) / N + box_weight * sum_k w_k |S_k - T_k| at true centres / N`` per task, summed.

    ``G`` is the detector's Gaussian target of each class, ``N = max(1, number of true boxes' cells)`` for the heat
    maps and of true boxes for the boxes. LabelDistill's released code (Kim et al., ECCV 2024).

    **The trap.** Gaussian focal loss takes as positive what equals 1 exactly. ``p_T * G`` hardly ever does, so only
    the part that pushes down is left: **the loss is not minimal at student = teacher** but at a student that sees
    nothing. Kept to reproduce that code; :class:`CenterHeadResponse` is the default.

    Args:
        box_weight: Of the box part.
        branches: Regression branches to compare and the weight of each of their channels (all 1: CRN's code weights).
        overlap, min_radius: Of the Gaussians, as in CenterHead's ``train_cfg``.
    """

    kinds = ('head',)
    needs_boxes = True

    def __init__(
        self,
        *,
        box_weight: float = 0.25,
        branches: Mapping[str, float] | None = None,
        overlap: float = 0.1,
        min_radius: int = 2,
    ) -> None:
        super().__init__()
        self.box_weight, self.overlap, self.min_radius = box_weight, overlap, min_radius
        self.branches = dict(branches or BRANCHES)

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; student and teacher are raw outputs (logits) of CenterHead, ``batch`` holds the true boxes."""
        no_scale(self, scale)
        ours, theirs = head_tasks(student), head_tasks(teacher)
        check_tasks(type(self).__name__, self.branches, ours, theirs)
        total, first = ours[0]['heatmap'].new_zeros(()), 0
        for mine, other in zip(ours, theirs):
            total = total + self._heat(mine, other, first, weight, batch)
            total = total + self.box_weight * self._boxes(mine, other, first, weight, batch)
            first += mine['heatmap'].shape[1]
        return total

    def _heat(
        self, ours: Mapping, theirs: Mapping, first: int, weight: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        classes = ours['heatmap'].shape[1]
        truth = true_heatmaps(batch, first, classes, type(self).__name__, self.overlap, self.min_radius)
        probability = ours['heatmap'].sigmoid().clamp(1e-4, 1 - 1e-4)
        loss = gaussian_focal(probability, theirs['heatmap'].sigmoid() * truth)
        return (loss if weight is None else loss * weight).sum() / normaliser((truth == 1).sum())

    def _boxes(
        self, ours: Mapping, theirs: Mapping, first: int, weight: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        sample, y, x, label = true_centres(batch, type(self).__name__).unbind(1)
        mine = (label >= first) & (label < first + ours['heatmap'].shape[1])
        sample, y, x = sample[mine], y[mine], x[mine]
        where = 1.0 if weight is None else weight[sample, :, y, x]
        parts = [
            value * ((ours[name] - theirs[name])[sample, :, y, x].abs() * where).sum()
            for name, value in self.branches.items()
            if name in theirs
        ]
        return sum(parts) / normaliser(torch.tensor(float(len(sample)), device=batch.device))

    def __str__(self) -> str:
        return f'GaussianFocalResponse(boxes {self.box_weight:g})'
