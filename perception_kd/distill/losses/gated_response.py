"""Dense outputs of 2D detectors, compared anchor by anchor where the teacher sees an object."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.class_maps import bernoulli_divergence
from perception_kd.distill.dense_heads import Level, certainty, paired_levels
from perception_kd.distill.losses.base import DistillLoss, no_mask, no_scale, normaliser
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures.box_overlap import pair_ciou


@DISTILL_LOSSES.register_module()
class GatedResponse(DistillLoss):
    """``sum_A [ t^2 D(o_S, o_T) + g t^2 sum_c D(c_S, c_T) + box_weight g (1 - CIoU(b_S, b_T)) ] / max(1, sum_A g)``.

    After Mehta and Ozturk (Object detection at 200 frames per second, ECCVW 2018): a one-stage student learns classes
    and boxes of a teacher where that sees an object, by ``g = sigmoid(o_T)``, and its objectness everywhere. A are all
    anchors of all levels of the batch (of all processes); ``D(s, t)`` is the Kullback-Leibler divergence of
    ``Bernoulli(sigmoid(s / t))`` from the teacher's, which has the gradient of the binary cross entropy with the
    teacher's probability as target, and 0 as its minimum. With ``temperature`` above 1 and ``box_weight=0`` it is
    Hinton's distillation (Hinton et al., 2015) of a head of sigmoids.

    A head without objectness (a distribution head) has its classes compared everywhere, as they say there what
    objectness says elsewhere; its gate is the teacher's largest class probability. A head with objectness and a single
    class learns that class from nothing (its loss is 0), so the two heads' logits of it are not compared.

    Takes no mask. Two processes equal one. Known minimum: 0 at student = teacher. Invariant under one order of the
    classes for both.

    Args:
        temperature: t.
        box_weight: Of the boxes; 0: only scores.
        class_weight: Of the classes.
        single_class: Compare the only class beside an objectness too.
    """

    kinds = ('dense_head',)

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        box_weight: float = 1.0,
        class_weight: float = 1.0,
        single_class: bool = False,
    ) -> None:
        super().__init__()
        if not temperature > 0 or min(box_weight, class_weight) < 0:
            raise ValueError('GatedResponse: temperature is above 0 and weights are not negative, got '
                             f'{temperature}, {box_weight} and {class_weight}')
        self.temperature, self.box_weight, self.class_weight = temperature, box_weight, class_weight
        self.single_class = single_class

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; student and teacher are dense head outputs."""
        no_mask(self, weight)
        no_scale(self, scale)
        total, seen = 0.0, 0.0
        for mine, other in paired_levels(type(self).__name__, student, teacher, 'classes', 'boxes'):
            gate = certainty(other)
            total = total + (self._scores(mine, other, gate) + self._boxes(mine, other, gate)).sum()
            seen = seen + gate.sum()
        return total / normaliser(seen)

    def _scores(self, mine: Level, other: Level, gate: Tensor) -> Tensor:
        """``(B, A, H, W)``."""
        if 'objectness' not in other:
            return self.class_weight * self._divergence(mine, other, 'classes').sum(dim=2)
        objects = self._divergence(mine, other, 'objectness')
        if other['classes'].shape[2] == 1 and not self.single_class:
            return objects + 0 * mine['classes'].sum(dim=2)  # stays in the graph, as distributed training needs
        return objects + self.class_weight * gate * self._divergence(mine, other, 'classes').sum(dim=2)

    def _divergence(self, mine: Level, other: Level, part: str) -> Tensor:
        return self.temperature**2 * bernoulli_divergence(mine[part], other[part], self.temperature)

    def _boxes(self, mine: Level, other: Level, gate: Tensor) -> Tensor:
        overlap = pair_ciou(mine['boxes'].movedim(2, -1), other['boxes'].movedim(2, -1))
        return self.box_weight * gate * (1 - overlap)

    def __str__(self) -> str:
        return f'GatedResponse(t {self.temperature:g}, boxes {self.box_weight:g})'
