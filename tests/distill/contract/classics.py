"""Cases of the classic losses between features and relations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from perception_kd.distill.losses import AT, CWD, DIST, FGD, MGD, PKD, SP, DistillLoss, RKDAngle, RKDDistance
from tests.distill.contract import LossCase, box_batch, map_tensors, two_heads, two_maps

WEIGHT = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(5)) * (torch.arange(8) > 1)
CHANNELS = torch.randn(3, 4, 1, 1, generator=torch.Generator().manual_seed(6))
TURN = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(7)))[0]
PER_SAMPLE = torch.tensor([0.5, 2.0, 7.0]).view(3, 1, 1, 1)


def turned(value: Tensor) -> Tensor:
    """A map after an orthogonal rotation of its channels."""
    return torch.einsum('bc...,cd->bd...', value, TURN)


def similar(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return 3 * turned(student) + 0.5, turned(teacher) - 1


def one_place(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    student = student.clone()
    student[0, ..., 4, 5] += 9
    return student, teacher


def grown(factor: float | Tensor):
    return lambda student, teacher: (factor * student, 2 * teacher)


def outside_the_mask(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    return torch.where(WEIGHT > 0, student, 9.0), teacher


def identity_generator() -> DistillLoss:
    """MGD with nothing struck out and a generator that leaves what is positive as it is."""
    loss = MGD(channels=4, drop=0.0)
    for conv in (loss.generator[0], loss.generator[2]):
        nn.init.dirac_(conv.weight)
        nn.init.zeros_(conv.bias)
    return loss


def same_contexts() -> DistillLoss:
    """FGD with two equal context blocks that are not identities, and a weight that lets them matter."""
    loss = FGD(channels=4, lambda_global=1e-3)
    for weight in loss.student_context.parameters():
        nn.init.normal_(weight)
    loss.teacher_context.load_state_dict(loss.student_context.state_dict())
    return loss


def no_truth():
    """The batch of :func:`box_batch` without any box."""
    batch = box_batch()
    for sample in batch.data_samples:
        sample.gt_instances_3d = sample.gt_instances_3d[:0]
    return batch


CASES = [
    LossCase('at', AT, two_maps(), rtol=2e-5, changes=dict(one_place=one_place),
             keeps=dict(scale=grown(PER_SAMPLE), turn=lambda student, teacher: (turned(student), teacher))),
    LossCase('at_masked', lambda: AT(power=3.0), two_maps(), weight=WEIGHT, scale=torch.full((3, 1, 8, 8), 0.5),
             keeps=dict(scale=grown(3), outside=outside_the_mask), changes=dict(one_place=one_place)),
    LossCase('cwd', lambda: CWD(tau=2.0), two_maps(), changes=dict(one_place=one_place, scale=grown(2.0)),
             keeps=dict(offset=lambda student, teacher: (student + CHANNELS, teacher - 2 * CHANNELS))),
    LossCase('cwd_masked', CWD, two_maps(), weight=WEIGHT, keeps=dict(outside=outside_the_mask)),
    LossCase('cwd_head', CWD, two_heads((2, 1), maps={}), kind='head',
             keeps=dict(offset=lambda student, teacher: (map_tensors(lambda part: part + 1, student), teacher))),
    LossCase('pkd', PKD, two_maps(), rtol=3e-5, changes=dict(one_place=one_place),
             keeps=dict(affine=lambda student, teacher: (student * CHANNELS[:1].abs() + 1, 3 * teacher - 1))),
    LossCase('pkd_masked', PKD, two_maps(), weight=WEIGHT, rtol=3e-5,
             keeps=dict(outside=outside_the_mask, scale=grown(3))),
    LossCase('dist', DIST, two_maps(3, 6), rtol=1e-4, kind='vector',
             keeps=dict(affine=lambda student, teacher: (3 * student + 1, 2 * teacher - 1))),
    LossCase('dist_rows', lambda: DIST(intra=0.0), two_maps(), rtol=1e-4, kind='bev',
             keeps=dict(affine_rows=lambda student, teacher: (student * (1 + WEIGHT) + WEIGHT, teacher))),
    LossCase('dist_head', lambda: DIST(activation='sigmoid', tau=2.0), two_heads((2, 1), maps={}), rtol=1e-4,
             kind='head', weight=WEIGHT,
             changes=dict(apart=lambda student, teacher: (map_tensors(lambda part: part.square(), student), teacher))),
    LossCase('sp', SP, two_maps(), rtol=3e-5, changes=dict(one_place=one_place),
             keeps=dict(turn_and_scale=lambda student, teacher: (3 * turned(student), turned(teacher)))),
    LossCase('sp_pooled', lambda: SP(instances='pooled'), two_maps(), rtol=3e-5, keeps=dict(turn_and_scale=grown(3)),
             changes=dict(one_place=one_place)),
    LossCase('sp_boxes', lambda: SP(instances='boxes'), two_maps(), rtol=3e-5,
             keeps=dict(turn_and_scale=lambda student, teacher: (3 * turned(student), turned(teacher)))),
    LossCase('rkd_distance', RKDDistance, two_maps(3, 4), rtol=3e-5, kind='vector', keeps=dict(similar=similar)),
    LossCase('rkd_distance_boxes', lambda: RKDDistance(instances='boxes'), two_maps(), rtol=3e-5,
             keeps=dict(similar=similar)),
    LossCase('rkd_distance_thinned', lambda: RKDDistance(instances='boxes', max_instances=4), two_maps(), rtol=3e-5,
             keeps=dict(similar=similar)),
    LossCase('rkd_angle', RKDAngle, two_maps(3, 4), rtol=3e-5, kind='vector', keeps=dict(similar=similar)),
    LossCase('rkd_angle_boxes', lambda: RKDAngle(instances='boxes'), two_maps(), rtol=3e-5,
             keeps=dict(similar=similar)),
    LossCase('mgd', identity_generator, lambda generator: tuple(map(torch.relu, two_maps()(generator))),
             learns=True, changes=dict(scale=grown(2.0))),
    LossCase('mgd_drop', lambda: MGD(channels=4), two_maps(), minimum=None, learns=True, weight=WEIGHT,
             why='what a generator with random weights makes of a student is not the student'),
    LossCase('fgd', same_contexts, two_maps(), learns=True, changes=dict(one_place=one_place)),
    LossCase('fgd_no_boxes', same_contexts, two_maps(), learns=True, weight=WEIGHT, batch=no_truth(),
             changes=dict(one_place=one_place)),
]
