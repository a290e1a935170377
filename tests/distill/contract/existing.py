"""Cases of the distances between maps and of the response losses."""

from __future__ import annotations

import torch
from torch import Tensor

from perception_kd.distill.losses import BCE, L1, MSE, CenterHeadResponse, GaussianFocalResponse
from tests.distill.contract import LossCase, map_tensors, two_heads, two_maps

WEIGHT = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(5))
GROWN = dict(teacher_grows=lambda student, teacher: (student, 10 * teacher))
BRANCHES = dict(reg=1.0, dim=0.5)


def probabilities(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    student, teacher = torch.rand(2, 3, 1, 8, 8, generator=generator)
    return student.clamp(0.05, 0.95), teacher.clamp(0.05, 0.95)


def entropy(target: Tensor) -> float:
    return float(-(target * target.log() + (1 - target) * (1 - target).log()).mean())


def blind(teacher: list) -> list:
    """A head that sees nothing, with the teacher's boxes: the least of the released loss."""
    return [[{name: torch.full_like(part, -20.0) if name == 'heatmap' else part for name, part in task.items()}]
            for (task,) in teacher]


def far_apart(student: list, teacher: list) -> tuple[list, list]:
    return map_tensors(lambda part: part + 0.5, student), teacher


CASES = [
    LossCase('mse', MSE, two_maps(), changes=GROWN),
    LossCase('mse_masked', lambda: MSE(channel='sum'), two_maps(), weight=WEIGHT,
             keeps=dict(channel_order=lambda student, teacher: (student.flip(1), teacher.flip(1)))),
    LossCase('mse_rms', lambda: MSE(normalise='rms'), two_maps(), keeps=GROWN,
             best=lambda teacher: teacher / teacher.square().mean((1, 2, 3), keepdim=True).sqrt()),
    LossCase('l1', L1, two_maps(), changes=GROWN),
    LossCase('l1_vector', L1, two_maps(3, 6), kind='vector', changes=GROWN),
    LossCase('bce', BCE, probabilities, minimum=entropy,
             keeps=dict(complement=lambda student, teacher: (1 - student, 1 - teacher))),
    LossCase('response', lambda: CenterHeadResponse(branches=BRANCHES), two_heads(),
             keeps=dict(task_order=lambda student, teacher: (student[::-1], teacher[::-1])),
             changes=dict(apart=far_apart)),
    LossCase('response_truth', lambda: CenterHeadResponse(boxes='truth', branches=BRANCHES), two_heads(),
             weight=WEIGHT, changes=dict(apart=far_apart)),
    LossCase('released', lambda: GaussianFocalResponse(branches=BRANCHES), two_heads(), best=blind, rtol=1e-4,
             changes=dict(apart=far_apart)),
]
