"""Cases of the losses of CRKD and X3KD."""

from __future__ import annotations

import torch
from torch import Tensor

from perception_kd.distill.losses import Adversarial, ConfidentResponse, GramRelation
from tests.distill.contract import LossCase, map_tensors, two_heads, two_maps

WEIGHT = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(5))
TURN = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(3))).Q
BRANCHES = dict(reg=1.0, dim=0.5)
GAME = 'the value of a game between two networks'


def teacher_grows(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return student, 7 * teacher


def scaled(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return 7 * student, 7 * teacher


def turned(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return torch.einsum('dc,bcyx->bdyx', TURN, student), teacher.flip(1)


def agreed(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return teacher.flip(1), teacher


def class_order(student: list, teacher: list) -> tuple[list, list]:
    return tuple([[{**task, 'heatmap': task['heatmap'].flip(1)} for task in tasks] for tasks in side]
                 for side in (student, teacher))


def far_apart(student: list, teacher: list) -> tuple[list, list]:
    return map_tensors(lambda part: part + 0.5, student), teacher


def only_the_sure(teacher: list) -> list:
    """The teacher with its heat maps at nothing where they are no targets."""
    return [[{name: torch.where(part.sigmoid() > 0.5, part, -20.0) if name == 'heatmap' else part
              for name, part in task.items()}] for (task,) in teacher]


CASES = [
    LossCase('crkd_response', lambda: ConfidentResponse(branches=BRANCHES, task_weights=[2, 1]), two_heads((2, 3)),
             weight=WEIGHT, keeps=dict(class_order=class_order), changes=dict(apart=far_apart)),
    LossCase('x3kd_output', lambda: ConfidentResponse(
        branches=BRANCHES, target_threshold=0.5, count_threshold=0.5, box_threshold=0.5, box_weight=1.0, distance='l1'),
             two_heads((2, 3)), best=only_the_sure, keeps=dict(class_order=class_order), changes=dict(apart=far_apart)),
    LossCase('relation', lambda: GramRelation(sizes=(8, 4)), two_maps(), keeps=dict(turned=turned),
             changes=dict(agreed=agreed, scaled=scaled), rtol=1e-4),
    LossCase('relation_cosine', lambda: GramRelation(sizes=(4, 2), normalise='cosine'), two_maps(),
             keeps=dict(turned=turned, scaled=scaled), changes=dict(agreed=agreed), rtol=1e-4),
    LossCase('adversary', lambda: Adversarial(channels=4, hidden=(6,)), two_maps(), minimum=None, why=GAME,
             learns=True, weight=WEIGHT, keeps=dict(teacher_grows=teacher_grows), rtol=1e-4,
             changes=dict(louder=lambda student, teacher: (9 * student, teacher))),
    LossCase('adversary_plain', lambda: Adversarial(channels=4, hidden=(), game='non_saturating', student_weight=0.5),
             two_maps(), minimum=None, why=GAME, learns=True, keeps=dict(teacher_grows=teacher_grows), rtol=1e-4,
             changes=dict(louder=lambda student, teacher: (9 * student, teacher))),
]
