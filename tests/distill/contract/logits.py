"""Cases of the losses of class logits and of binned distributions."""

from __future__ import annotations

import torch

from perception_kd.distill.losses import DKD, HintonKD, LocalizationDistill
from tests.distill.contract import LossCase, box_batch, map_tensors, two_heads, two_maps
from tests.distill.toys import GRID


def shifted(student, teacher):
    """Another number added to every place's logits, to the student's other ones than to the teacher's."""

    def move(step):
        return lambda part: part + step * torch.arange(part[:, :1].numel()).view_as(part[:, :1]) / 50

    return map_tensors(move(1.0), student), map_tensors(move(-2.0), teacher)


def scaled(student, teacher):
    return map_tensors(lambda part: 3 * part, student), teacher


def labelled():
    batch = box_batch()
    for index, sample in enumerate(batch.data_samples):
        sample.gt_label = torch.tensor([index % 3])
    return batch


HEADS = two_heads((2, 3), maps={})
SHIFT, SCALE = dict(added_to_all_classes=shifted), dict(student_grows=scaled)
WEIGHT = torch.rand(3, 1, *GRID.shape, generator=torch.Generator().manual_seed(3)) + 0.1

CASES = [
    LossCase('hinton_vector', HintonKD, two_maps(3, 5), kind='vector', keeps=SHIFT, changes=SCALE),
    LossCase('hinton_head', lambda: HintonKD(temperature=1.0), HEADS, kind='head', weight=WEIGHT, keeps=SHIFT,
             changes=SCALE),
    LossCase('hinton_independent', lambda: HintonKD(activation='sigmoid'), HEADS, kind='head', changes=SCALE | SHIFT,
             keeps=dict(complement=lambda *both: map_tensors(torch.neg, both))),
    LossCase('dkd_head', DKD, two_heads((2,), maps={}), kind='head', keeps=SHIFT, changes=SCALE,
             batch=box_batch((1, 2, 3))),
    LossCase('dkd_teacher', lambda: DKD(target='teacher', beta=0.5), HEADS, kind='head', weight=WEIGHT, keeps=SHIFT,
             changes=SCALE),
    LossCase('dkd_vector', DKD, two_maps(3, 5), kind='vector', batch=labelled(), keeps=SHIFT, changes=SCALE),
    LossCase('edges', lambda: LocalizationDistill(bins=4), two_maps(3, 16, 8, 8), kind='bev', weight=WEIGHT,
             changes=SCALE),
    LossCase('depth', LocalizationDistill, two_maps(6, 12, 3, 4), kind='image', keeps=SHIFT, changes=SCALE),
    LossCase('disparity', lambda: LocalizationDistill(temperature=1.0), two_maps(2, 1, 6, 3, 4), kind='volume',
             changes=SCALE),
]
