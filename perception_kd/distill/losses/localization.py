"""Binned distributions (box edges, depth, disparity) against a teacher's."""

from __future__ import annotations

from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.class_maps import categorical_divergence
from perception_kd.distill.losses.base import DistillLoss, no_scale, normaliser, ones_like_places
from perception_kd.registry import DISTILL_LOSSES


def distributions(logits: Tensor, bins: int | None) -> Tensor:
    """``(B, E, bins, ...)`` of logits ``(B, E * bins, ...)``.

    Args:
        logits: Bins of one distribution side by side, as in a GFL or DFL head.
        bins: Of one distribution; None: all channels are one.

    Raises:
        ValueError: the channels are not a whole number of distributions.
    """
    channels = logits.shape[1]
    bins = bins or channels
    if channels % bins:
        raise ValueError(f'{channels} channels are not a whole number of distributions of {bins} bins')
    return logits.unflatten(1, (channels // bins, bins))


@DISTILL_LOSSES.register_module()
class LocalizationDistill(DistillLoss):
    """``t^2 sum_x W(x) mean_e KL(p_T(x, e) || p_S(x, e)) / max(1, sum_x W(x))``, p the softmax over bins of ``z / t``.

    Localization Distillation (LD, Zheng et al., CVPR 2022): distributions e are the four edges of a box in a GFL or
    DFL head. The same loss compares depth or disparity distributions: e is the only one. Places x run over the whole
    batch (of all processes). LD's main region and its valuable localisation region are two pairs with this loss and
    a mask each, since each has its own normaliser and weight. The released code averages over the bins where the
    paper's formula sums: its weight is worth ``bins`` times as little as here.

    Known minimum: 0 at student = teacher. A number added to all bins of a distribution changes nothing.

    Args:
        bins: Bins of one distribution (n + 1 in the paper). None: all channels are one distribution. Of a
            ``volume`` ``(B, C, D, H, W)`` the bins are always D.
        temperature: t; published 10.
    """

    kinds = ('image', 'bev', 'vector', 'volume')

    def __init__(self, *, bins: int | None = None, temperature: float = 10.0) -> None:
        super().__init__()
        if (bins is not None and bins < 2) or not temperature > 0:
            raise ValueError(
                f'LocalizationDistill needs at least two bins and a temperature above 0, got {bins} and {temperature}'
            )
        self.bins, self.temperature = bins, temperature

    def forward(
        self, student: Tensor, teacher: Tensor, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; student and teacher are logits ``(B, E * bins, ...)`` or volumes ``(B, C, D, H, W)``."""
        no_scale(self, scale)
        if student.dim() < 5:
            student, teacher = (distributions(value, self.bins) for value in (student, teacher))
        places = categorical_divergence(student, teacher, self.temperature, dim=2).mean(dim=1, keepdim=True)
        weight = ones_like_places(places) if weight is None else weight
        return self.temperature**2 * (places * weight).sum() / normaliser(weight.sum())

    def __str__(self) -> str:
        return f'LocalizationDistill(bins {self.bins or "all"}, t {self.temperature:g})'
