"""Channel-wise knowledge distillation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.class_maps import class_logits
from perception_kd.distill.losses.base import DistillLoss, no_scale, normaliser, ones_like_places
from perception_kd.distill.losses.numerics import scaled
from perception_kd.registry import DISTILL_LOSSES

_NOWHERE = -1e9


@DISTILL_LOSSES.register_module()
class CWD(DistillLoss):
    """``tau^2 / (N C) sum_n sum_c KL( softmax_x(T_c / tau) || softmax_x(S_c / tau) )``: where each channel looks.

    Channel-wise distillation (Shu et al., ICCV 2021): the softmax runs over the places of a channel, so that the places
    where it is strong count. Published: tau 4 and weight 3 for logits of segmentation; for detectors tau 1 and weight
    10 per level of the neck (mmrazor). Of a head the logits of the heat maps are compared.

    A mask is the measure of the softmax, ``p(x) ~ W(x) exp(F(x) / tau)``: weight 0 leaves a place out. ``N`` counts the
    samples with any weight, over all processes: two equal one. Known minimum: 0 at student = teacher. Invariant under a
    constant added to a channel of a sample, and under a factor on the mask.

    Args:
        tau: Temperature.
    """

    kinds = ('bev', 'image', 'head')

    def __init__(self, *, tau: float = 1.0) -> None:
        super().__init__()
        if tau <= 0:
            raise ValueError(f'CWD: tau is positive, got {tau}')
        self.tau = tau

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        if not isinstance(teacher, Tensor):
            no_scale(self, scale)
        student, teacher = class_logits(student), scaled(class_logits(teacher), scale)
        weight = (ones_like_places(student) if weight is None else weight).flatten(2)
        ours, theirs = (self._log_shares(value, weight) for value in (student, teacher))
        counts = (weight.sum(dim=2, keepdim=True) > 0).float()
        divergence = (theirs.exp() * (theirs - ours)).sum(dim=2, keepdim=True) * counts
        return self.tau**2 * divergence.mean(dim=1).sum() / normaliser(counts.sum())

    def _log_shares(self, value: Tensor, weight: Tensor) -> Tensor:
        """``(B, C, HW)``: the logarithm of the softmax over places."""
        measure = torch.where(weight > 0, weight.clamp(min=1e-30).log(), _NOWHERE)
        return torch.log_softmax(value.flatten(2) / self.tau + measure, dim=2)

    def sides(
        self, student: Tensor, teacher: Tensor, *, weight: Tensor | None, scale: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Both after the softmax over places, times their number: 1 on average."""
        flat = (ones_like_places(student) if weight is None else weight).flatten(2)
        ours, theirs = (self._log_shares(value, flat).exp().view_as(value) * flat.shape[2]
                        for value in (student, scaled(teacher, scale)))
        return ours, theirs

    def __str__(self) -> str:
        return f'CWD(tau {self.tau:g})'
