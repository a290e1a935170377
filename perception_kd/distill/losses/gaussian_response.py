"""UniDistill's response loss: class-free heat and boxes within Gaussians around true boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.checks import head_tasks
from perception_kd.distill.losses.base import DistillLoss, no_scale, normaliser
from perception_kd.distill.losses.response import BRANCHES, check_tasks
from perception_kd.distill.masks import GaussianMask
from perception_kd.registry import DISTILL_LOSSES


@DISTILL_LOSSES.register_module()
class GaussianMaskedResponse(DistillLoss):
    """``sum G (|h_S - h_T| + mean_k |R_S - R_T|) / max(1, sum G)``, sums over the cells of the batch.

    ``h`` is the largest class probability of a cell over all tasks, ``R`` the regressions of all tasks, ``G`` the
    largest Gaussian of the true boxes of any class. UniDistill's response distillation (Zhou et al., CVPR 2023), weight
    10 in its released code; normalised over all processes. Known minimum: 0 at student = teacher, with
    ``teacher_temperature`` 1; with the released code's 2 it lies at half the teacher's logits. Invariant to what
    lies away from the boxes, and to which class is the largest.

    Args:
        teacher_temperature: What the teacher's heat map logits are divided by: 2 in the released code.
        branches: Names of the regression branches to compare.
        overlap, min_radius: Of the Gaussians; the defaults are the released code's.
    """

    kinds = ('head',)
    needs_boxes = True

    def __init__(
        self,
        *,
        teacher_temperature: float = 1.0,
        branches: Sequence[str] = tuple(BRANCHES),
        overlap: float = 0.7,
        min_radius: int = 0,
    ) -> None:
        super().__init__()
        if teacher_temperature <= 0:
            raise ValueError(f'GaussianMaskedResponse: teacher_temperature is above 0, got {teacher_temperature}')
        self.teacher_temperature, self.branches = teacher_temperature, dict.fromkeys(branches, 1.0)
        self.around = GaussianMask(mode='max', overlap=overlap, min_radius=min_radius)

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; raw outputs (logits) of CenterHead. A mask multiplies ``G``."""
        no_scale(self, scale)
        batch.require_grid(type(self).__name__)
        ours, theirs = head_tasks(student), head_tasks(teacher)
        check_tasks(type(self).__name__, self.branches, ours, theirs)
        around = self.around(batch).to(ours[0]['heatmap'].device)
        around = around if weight is None else around * weight
        heat = (_largest(ours, 1.0) - _largest(theirs, self.teacher_temperature)).abs()
        gaps = [(mine[name] - other[name]).abs() for mine, other in zip(ours, theirs)
                for name in self.branches if name in other]
        boxes = torch.cat(gaps, dim=1).mean(dim=1, keepdim=True) if gaps else 0.0
        return ((heat + boxes) * around).sum() / normaliser(around.sum())

    def __str__(self) -> str:
        return f'GaussianMaskedResponse(teacher logits / {self.teacher_temperature:g})'


def _largest(tasks: Sequence, temperature: float) -> Tensor:
    """Largest class probability, ``(B, 1, ny, nx)``."""
    logits = torch.cat([task['heatmap'] for task in tasks], dim=1).amax(dim=1, keepdim=True)
    return (logits / temperature).sigmoid()
