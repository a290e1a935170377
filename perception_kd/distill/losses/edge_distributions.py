"""Distributions of box edges of 2D detectors, compared where the teacher sees an object."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.class_maps import categorical_divergence
from perception_kd.distill.dense_heads import certainty, paired_levels
from perception_kd.distill.losses.base import DistillLoss, no_mask, no_scale, normaliser
from perception_kd.registry import DISTILL_LOSSES


@DISTILL_LOSSES.register_module()
class EdgeDistributions(DistillLoss):
    """``t^2 sum_A g mean_e KL(p_T(e) || p_S(e)) / max(1, sum_A g)``, p the softmax over bins of ``z / t``.

    Localization Distillation (LD, Zheng et al., CVPR 2022) of the four edges e of a DFL head; A are all places of all
    levels of the batch (of all processes). LD's main region are the places that the assignment gives to true boxes, its
    valuable region is found by their overlap; here ``g``, the teacher's largest class probability there (``power`` of
    it), weighs all places instead, needs no truth, and falls off around an object. The released code averages over bins
    where this sums, so its weight is worth ``bins`` times as little as here.

    Takes no mask. Known minimum: 0 at student = teacher. A number added to all bins of an edge changes nothing.

    Args:
        temperature: t; published 10.
        power: Exponent of the gate; 0: all places alike.
    """

    kinds = ('dense_head',)

    def __init__(self, *, temperature: float = 10.0, power: float = 1.0) -> None:
        super().__init__()
        if not temperature > 0 or power < 0:
            raise ValueError(f'EdgeDistributions: temperature is above 0 and power not negative, got {temperature} and '
                             f'{power}')
        self.temperature, self.power = temperature, power

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; student and teacher are dense head outputs with ``edges`` ``(B, A, 4, bins, H, W)``."""
        no_mask(self, weight)
        no_scale(self, scale)
        total, seen = 0.0, 0.0
        for mine, other in paired_levels(type(self).__name__, student, teacher, 'classes', 'edges'):
            gate = certainty(other).pow(self.power)
            gaps = categorical_divergence(mine['edges'], other['edges'], self.temperature, dim=3).mean(dim=2)
            total, seen = total + (gate * gaps).sum(), seen + gate.sum()
        return self.temperature**2 * total / normaliser(seen)

    def __str__(self) -> str:
        return f'EdgeDistributions(t {self.temperature:g})'
