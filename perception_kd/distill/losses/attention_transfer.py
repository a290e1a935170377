"""Attention transfer."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, normaliser, ones_like_places
from perception_kd.distill.losses.numerics import scaled, unit
from perception_kd.registry import DISTILL_LOSSES


@DISTILL_LOSSES.register_module()
class AT(DistillLoss):
    """``sum_x (q_S(x) - q_T(x))^2 / max(1, sum_x W(x))``, ``q = Q / |Q|_2`` by sample, ``Q = W mean_c |F_c|^p``.

    Activation-based attention transfer (Zagoruyko and Komodakis, ICLR 2017) as its authors' code has it: a mean over
    all samples and places, so that the weight that suits it grows with the number of places (the published beta is 1e3
    and more). Channels are averaged away: the two sides need not have as many, and no connector.

    A mask cuts the attention out before it is divided by its length. Two processes equal one. Known minimum: 0 at
    student = teacher. Invariant under a factor on all of a sample's student or teacher, and under any order or rotation
    (p = 2) of channels.

    Args:
        power: The exponent p.
    """

    kinds = ('bev', 'image', 'volume')
    same_channels = False

    def __init__(self, *, power: float = 2.0) -> None:
        super().__init__()
        if power < 1:
            raise ValueError(f'AT: power is at least 1, got {power}')
        self.power = power

    def forward(
        self, student: Tensor, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        weight = ones_like_places(student) if weight is None else weight
        ours, theirs = self.sides(student, teacher, weight=weight, scale=scale)
        gap = ours - theirs
        return gap.square().sum() / normaliser(weight.sum())

    def sides(
        self, student: Tensor, teacher: Any, *, weight: Tensor | None, scale: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Both attentions, ``(B, 1, ...)``."""
        weight = ones_like_places(student) if weight is None else weight
        return self._attention(student, weight), self._attention(scaled(teacher, scale), weight)

    def _attention(self, value: Tensor, weight: Tensor) -> Tensor:
        energy = value.square() if self.power == 2 else value.abs().pow(self.power)
        attention = energy.mean(dim=1, keepdim=True) * weight
        return unit(attention.flatten(1), dim=1).view_as(attention)

    def __str__(self) -> str:
        return f'AT(power {self.power:g})'
