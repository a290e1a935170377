"""Class logits against class logits: Hinton's distillation, and its target and non-target parts apart."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.checks import head_tasks
from perception_kd.distill.class_maps import (
    Activation,
    categorical_divergence,
    check_activation,
    class_divergence,
    class_logits,
)
from perception_kd.distill.losses.base import DistillLoss, counts_nothing, no_scale, normaliser, ones_like_places
from perception_kd.distill.losses.response import check_tasks, true_centres
from perception_kd.registry import DISTILL_LOSSES


@DISTILL_LOSSES.register_module()
class HintonKD(DistillLoss):
    """``t^2 sum_x W(x) KL(p_T(x) || p_S(x)) / max(1, sum_x W(x))`` with ``p = softmax(z / t)`` (Hinton et al., 2015).

    Places x are the samples of a vector, the cells of a head or map, over the whole batch (of all processes). Of a
    head the heat maps of all tasks count side by side. Known minimum: 0 at student = teacher. Under ``softmax`` a
    number added to all logits of a place changes nothing.

    Args:
        temperature: t; 4 on CIFAR, 1 to 2 on ImageNet.
        activation: ``softmax`` over the classes; ``sigmoid``: the sum over independent classes, which is what a
            CenterHead's heat maps are.
    """

    kinds = ('vector', 'head', 'bev', 'image')

    def __init__(self, *, temperature: float = 4.0, activation: Activation = 'softmax') -> None:
        super().__init__()
        _check_temperature(type(self).__name__, temperature)
        check_activation(type(self).__name__, activation)
        self.temperature, self.activation = temperature, activation

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; student and teacher are logits ``(B, C, ...)`` or raw outputs of CenterHead."""
        no_scale(self, scale)
        check_same_classes(self, student, teacher)
        places = class_divergence(class_logits(student), class_logits(teacher), self.activation, self.temperature)
        weight = ones_like_places(places) if weight is None else weight
        return self.temperature**2 * (places * weight).sum() / normaliser(weight.sum())

    def __str__(self) -> str:
        return f'HintonKD({self.activation}, t {self.temperature:g})'


def decoupled_divergences(
    student: Tensor, teacher: Tensor, target: Tensor, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """The two parts of a KL divergence: ``KL = TCKD + (1 - p_T[y]) NCKD`` (Zhao et al., CVPR 2022, equation 5).

    Args:
        student, teacher: Logits ``(N, C)``, at least two classes.
        target: ``(N,)`` int64: y.
        temperature: Divides the logits.

    Returns:
        TCKD ``(N,)``, of the target class against all others, and NCKD ``(N,)``, among the others. The others are
        left over by indexing: subtracting a large number from the target's logit would leave it a probability.

    Raises:
        ValueError: fewer than two classes.
    """
    if student.shape[1] < 2:
        raise ValueError('DKD needs at least two classes: of one class there is nothing to decouple')
    others = torch.arange(student.shape[1] - 1, device=student.device).expand(len(student), -1)
    others = others + (others >= target[:, None])
    rest = [(logits / temperature).gather(1, others) for logits in (student, teacher)]
    own = [(logits / temperature).gather(1, target[:, None]) for logits in (student, teacher)]
    binary = [torch.cat([mine, left.logsumexp(1, keepdim=True)], dim=1) for mine, left in zip(own, rest)]
    return categorical_divergence(*binary), categorical_divergence(*rest)


@DISTILL_LOSSES.register_module()
class DKD(DistillLoss):
    """``t^2 sum_i w_i (alpha TCKD_i + beta NCKD_i) / max(1, sum_i w_i)``: :func:`decoupled_divergences`.

    Decoupled Knowledge Distillation (Zhao et al., CVPR 2022). Sums run over the whole batch (of all processes).
    Known minimum: 0 at student = teacher; a number added to all logits of a place changes nothing.

    Args:
        alpha, beta: Of the target and of the non-target part; published 1 and 8 (2 to 8 on CIFAR, 0.5 on ImageNet).
        temperature: t; published 4 on CIFAR, 1 on ImageNet.
        target: ``truth``: of a head the cells of true box centres with the true class (two boxes in a cell count
            twice), of a vector each sample's ``gt_label``; ``teacher``: every place with the teacher's best class.
    """

    kinds = ('head', 'vector')

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        beta: float = 8.0,
        temperature: float = 4.0,
        target: Literal['truth', 'teacher'] = 'truth',
    ) -> None:
        super().__init__()
        _check_temperature(type(self).__name__, temperature)
        if target not in ('truth', 'teacher'):
            raise ValueError(f"DKD: target is 'truth' or 'teacher', got '{target}'")
        self.alpha, self.beta, self.temperature, self.target = alpha, beta, temperature, target
        self.needs_boxes = target == 'truth'

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; student and teacher are logits ``(B, C)`` or raw outputs of CenterHead."""
        no_scale(self, scale)
        check_same_classes(self, student, teacher)
        ours, theirs = class_logits(student), class_logits(teacher)
        weight = ones_like_places(ours) if weight is None else weight
        if self.target == 'teacher':
            ours, theirs, weight = (value.movedim(1, -1).flatten(0, -2) for value in (ours, theirs, weight))
            labels = theirs.argmax(1)
        elif ours.dim() == 2:
            labels = _true_labels(batch).to(ours.device)
        else:
            centres = true_centres(batch, type(self).__name__)
            sample, y, x, labels = centres[(centres[:, 3] >= 0) & (centres[:, 3] < ours.shape[1])].unbind(1)
            ours, theirs, weight = (value[sample, :, y, x] for value in (ours, theirs, weight))
        target_part, rest = decoupled_divergences(ours, theirs, labels, self.temperature)
        total = (weight[:, 0] * (self.alpha * target_part + self.beta * rest)).sum()
        return self.temperature**2 * total / normaliser(weight.sum())

    def __str__(self) -> str:
        return f'DKD({self.alpha:g}, {self.beta:g}, t {self.temperature:g}, {self.target})'


def check_same_classes(loss: DistillLoss, student: Any, teacher: Any) -> None:
    """See that two heads have the same tasks; tensors have been compared by their pair."""
    if not isinstance(student, Tensor):
        check_tasks(type(loss).__name__, {}, head_tasks(student), head_tasks(teacher))


def _true_labels(batch: DistillBatch) -> Tensor:
    if counts_nothing():
        return torch.zeros(batch.size, dtype=torch.long)
    if not all(hasattr(sample, 'gt_label') for sample in batch.data_samples):
        raise ValueError("DKD of a vector needs 'gt_label' in every data sample; or set target='teacher'")
    return torch.tensor([int(sample.gt_label) for sample in batch.data_samples], dtype=torch.long)


def _check_temperature(who: str, temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(f'{who}: temperature is above 0, got {temperature}')
