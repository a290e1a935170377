"""Distillation by Pearson correlation."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.class_maps import Activation, check_activation, class_logits, probabilities
from perception_kd.distill.losses.base import DistillLoss, no_scale, ones_like_places
from perception_kd.distill.losses.numerics import scaled, standardised
from perception_kd.registry import DISTILL_LOSSES

_LEAST = 1e-8  # variance; probabilities of a cell differ by little

@DISTILL_LOSSES.register_module()
class PKD(DistillLoss):
    """``1 / C sum_c 1/2 mean (z(S_c) - z(T_c))^2``, z: standardised over samples and places; ``1 - r`` per channel.

    Pearson knowledge distillation (Cao et al., NeurIPS 2022), published weight 6 for two-stage and 10 for one-stage
    detectors per level of the neck. The variance is the biased one, which makes it ``1 - r`` exactly.

    A mask weights means, variances and the final mean; an empty one gives 0. The statistics are of the process's own
    batch: two processes differ from one, as with batch norm. Known minimum: 0 at student = teacher. Invariant under a
    positive factor and an offset on any channel of either side, as long as its variance is well above 1e-6. A channel
    that is constant gives 1/2; gradients grow as a student channel's spread shrinks, up to 1e3 times those at spread 1.
    """

    kinds = ('bev', 'image', 'volume')

    def forward(
        self, student: Tensor, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        weight = ones_like_places(student) if weight is None else weight
        ours, theirs = self.sides(student, teacher, weight=weight, scale=scale)
        gap = ours - theirs
        share = weight / weight.sum().clamp(min=1e-12)
        return 0.5 * (gap.square().mean(dim=1, keepdim=True) * share).sum()

    def sides(
        self, student: Tensor, teacher: Any, *, weight: Tensor | None, scale: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Both standardised."""
        weight = ones_like_places(student) if weight is None else weight
        places = (0, *range(2, student.dim()))
        return standardised(student, weight, places), standardised(scaled(teacher, scale), weight, places)

    def __str__(self) -> str:
        return 'PKD'


@DISTILL_LOSSES.register_module()
class DIST(DistillLoss):
    """``inter (1 - mean_i r(S_i, T_i)) + intra (1 - mean_c r(S_c, T_c))``: i: rows, c: channels.

    Knowledge distillation from a stronger teacher (Huang et al., NeurIPS 2022): Pearson's correlation between classes
    of an instance, and between instances of a class. Rows are samples of a vector, places of a map, and places of the
    heat maps of a head. Published on ``tau^2`` times the softmax of logits divided by tau, with both weights 1 (2 on
    ImageNet); of a head probabilities are sigmoids, for its classes do not exclude each other.

    A mask weights rows; without one every empty cell of a head counts as much as an object. The correlations across
    rows are of the process's own batch: two processes differ from one. Known minimum: 0 at student = teacher. Invariant
    under one positive factor and one offset for all of either side, without an activation; inter alone under one per
    row.

    Args:
        inter, intra: Weights.
        tau: Temperature of the activation.
        activation: ``softmax`` over channels, ``sigmoid``, or None: values as they are.
    """

    kinds = ('vector', 'bev', 'image', 'head')

    def __init__(
        self, *, inter: float = 1.0, intra: float = 1.0, tau: float = 1.0, activation: Activation | None = None
    ) -> None:
        super().__init__()
        if activation is not None:
            check_activation('DIST', activation)
        if tau <= 0:
            raise ValueError(f'DIST: tau is positive, got {tau}')
        self.inter, self.intra, self.tau, self.activation = inter, intra, tau, activation
        self.blind_to_scale = activation is None

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        if not isinstance(teacher, Tensor):
            no_scale(self, scale)
        student, teacher = class_logits(student), scaled(class_logits(teacher), scale)
        weight = self._rows(ones_like_places(student) if weight is None else weight)
        if self.activation is not None:
            student, teacher = (probabilities(value, self.activation, self.tau) for value in (student, teacher))
        ours, theirs = self._rows(student), self._rows(teacher)
        share = weight / weight.sum().clamp(min=1e-12)
        even = ours.new_ones(1, 1)
        inter = (standardised(ours, even, 1, _LEAST) - standardised(theirs, even, 1, _LEAST)).square()
        intra = (standardised(ours, weight, 0, _LEAST) - standardised(theirs, weight, 0, _LEAST)).square()
        rows = 0.5 * (self.inter * inter + self.intra * intra).mean(dim=1, keepdim=True)
        return self.tau**2 * (rows * share).sum()

    @staticmethod
    def _rows(value: Tensor) -> Tensor:
        """``(rows, C)``."""
        return value.flatten(2).transpose(1, 2).flatten(0, 1) if value.dim() > 2 else value

    def __str__(self) -> str:
        return f'DIST(inter {self.inter:g}, intra {self.intra:g})'
