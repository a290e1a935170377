"""Cases of the losses of 2D detectors' heads, and of losses that read boxes in a picture."""

from __future__ import annotations

import torch

from perception_kd.distill.losses import MGD, SP, Adversarial, EdgeDistributions, GatedResponse, RKDDistance
from tests.distill.contract import LossCase, map_tensors, two_maps
from tests.distill.contract.classics import one_place, same_contexts, turned
from tests.distill.pictures import picture_batch, some_head, two_dense_heads

CALM = dict(kind='dense_head', batch=picture_batch(grid=None))


def class_order(student: list, teacher: list) -> tuple[list, list]:
    return tuple([dict(level, classes=level['classes'].flip(2)) for level in side] for side in (student, teacher))


def apart(student: list, teacher: list) -> tuple[list, list]:
    return map_tensors(lambda part: part + 0.5, student), teacher


def elsewhere(student: list, teacher: list) -> tuple[list, list]:
    """All boxes of the student 100 px away."""
    return [dict(level, boxes=level['boxes'] + 100) for level in student], teacher


def offset(student: list, teacher: list) -> tuple[list, list]:
    return [dict(level, edges=level['edges'] + 3) for level in student], teacher


def edges_alone(generator: torch.Generator) -> tuple[list, list]:
    """The student's classes and boxes are whole numbers, which need no gradient: they are not looked at."""
    student, teacher = (some_head(generator, anchors=1, bins=4) for _ in range(2))
    return [{name: part if name == 'edges' else part.long() for name, part in level.items()}
            for level in student], teacher


def at_boxes(generator: torch.Generator):
    return tuple(torch.randn(3, 4, 8, 8, generator=generator) for _ in range(2))


PICTURES = dict(kind='image', batch=picture_batch((1, 2, 3)))
CASES = [
    LossCase('response', GatedResponse, two_dense_heads(), rtol=3e-5, keeps=dict(class_order=class_order),
             changes=dict(apart=apart, elsewhere=elsewhere), **CALM),
    LossCase('response_one_class', lambda: GatedResponse(single_class=True), two_dense_heads(classes=1), rtol=3e-5,
             changes=dict(apart=apart), **CALM),
    LossCase('response_soft', lambda: GatedResponse(temperature=3.0, box_weight=1e-3), two_dense_heads(), rtol=3e-5,
             changes=dict(apart=apart), **CALM),
    LossCase('response_no_objectness', GatedResponse, lambda generator: tuple(
        [{name: level[name] for name in ('classes', 'boxes')} for level in side]
        for side in two_dense_heads(anchors=1)(generator)), rtol=3e-5, keeps=dict(class_order=class_order),
             changes=dict(apart=apart, elsewhere=elsewhere), **CALM),
    LossCase('edges', EdgeDistributions, edges_alone, keeps=dict(offset=offset), rtol=3e-5, **CALM),
    LossCase('fgd', same_contexts, two_maps(), learns=True, changes=dict(one_place=one_place), kind='image',
             batch=picture_batch()),
    LossCase('fgd_empty', same_contexts, two_maps(), learns=True, kind='image',
             batch=picture_batch((0, 0, 0)), changes=dict(one_place=one_place)),
    LossCase('mgd', lambda: MGD(channels=4), two_maps(), minimum=None, learns=True, kind='image',
             why='what a generator with random weights makes of a student is not the student', batch=picture_batch()),
    LossCase('sp_boxes', lambda: SP(instances='boxes'), at_boxes, rtol=3e-5,
             keeps=dict(turn_and_scale=lambda student, teacher: (3 * turned(student), turned(teacher))), **PICTURES),
    LossCase('rkd_boxes', lambda: RKDDistance(instances='boxes'), at_boxes, rtol=3e-5,
             keeps=dict(similar=lambda student, teacher: (3 * turned(student) + 0.5, teacher)), **PICTURES),
    LossCase('adversary', lambda: Adversarial(channels=4, hidden=(6, 5), kernels=(1, 3), spectral=True,
                                              game='non_saturating', student_weight=0.05),
             two_maps(), minimum=None, why='the value of a game between two networks', learns=True, kind='image',
             batch=picture_batch(), rtol=1e-4, changes=dict(louder=lambda student, teacher: (9 * student, teacher))),
]
