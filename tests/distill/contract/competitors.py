"""Cases of the losses of BEVDistill and UniDistill."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from perception_kd.distill.losses import GaussianMaskedResponse, InfoNCE, NinePointFeature, NinePointRelation
from perception_kd.structures.gaussian import gaussian_maps
from tests.distill.contract import LossCase, box_batch, map_tensors, two_heads, two_maps
from tests.distill.toys import GRID

BOXES = box_batch()
WEIGHT = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(5))
BRANCHES = ('reg', 'dim')


def widths(student: int, teacher: int) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        return torch.randn(3, student, 8, 8, generator=generator), torch.randn(3, teacher, 8, 8, generator=generator)

    return draw


def away_from_boxes() -> Tensor:
    """1 in the cells that no point of a box reads or a Gaussian covers, ``(3, 1, 8, 8)``."""
    rows = []
    for sample in BOXES.data_samples:
        boxes = sample.gt_instances_3d.bboxes_3d
        gap = (GRID.centres()[None] - boxes[:, None, None, :2]).norm(dim=-1)
        near = (gap < boxes[:, 3:5].norm(dim=1)[:, None, None] / 2 + 1.5 * GRID.cell).any(0)
        rows.append(~near & (gaussian_maps(boxes, GRID, 0.7, 0).amax(0) == 0))
    return torch.stack(rows)[:, None].float()


AWAY = away_from_boxes()
assert AWAY.any()
ELSEWHERE = dict(elsewhere=lambda student, teacher: (map_tensors(lambda part: part + 9 * AWAY, student), teacher))
TURN = torch.linalg.qr(torch.randn(4, 4, generator=Generator().manual_seed(3))).Q


def turned(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return 3 * torch.einsum('dc,bcyx->bdyx', TURN, student), 0.5 * teacher


def channel_order(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return student.flip(1), teacher.flip(1)


def other_class(student: list, teacher: list) -> tuple[list, list]:
    return [[{**task, 'heatmap': task['heatmap'].flip(1)} for task in tasks] for tasks in student], teacher


def moved(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return student.roll(2, dims=3), teacher


def halved(teacher: list) -> list:
    return [[{name: part / 2 if name == 'heatmap' else part for name, part in task.items()} for task in tasks]
            for tasks in teacher]


CASES = [
    LossCase('nine_point_feature', NinePointFeature, two_maps(), keeps=dict(ELSEWHERE, channel_order=channel_order),
             changes=dict(moved=moved)),
    LossCase('nine_point_relation', NinePointRelation, two_maps(), keeps=dict(ELSEWHERE, turned=turned),
             changes=dict(moved=moved)),
    LossCase('masked_response', lambda: GaussianMaskedResponse(branches=BRANCHES), two_heads((2, 1)), weight=WEIGHT,
             keeps=dict(ELSEWHERE, other_class=other_class)),
    LossCase('masked_response_released', lambda: GaussianMaskedResponse(teacher_temperature=2.0, branches=BRANCHES),
             two_heads((2, 1)), best=halved),
    LossCase('info_nce', lambda: InfoNCE(student_channels=4, teacher_channels=6, width=8), widths(4, 6),
             minimum=None, why='both projections are learnt and start apart', learns=True, keeps=ELSEWHERE,
             changes=dict(moved=moved)),
]
