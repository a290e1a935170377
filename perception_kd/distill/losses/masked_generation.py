"""Masked generative distillation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, normaliser
from perception_kd.distill.losses.numerics import scaled
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures import TapSpec


@DISTILL_LOSSES.register_module()
class MGD(DistillLoss):
    """``1 / N sum_n sum_x W(x) | T(x) - G(S * M)(x) |^2``: a student with places struck out generates the teacher.

    Masked generative distillation (Yang et al., ECCV 2022). M is 0 at each place with probability ``drop`` and 1
    elsewhere, drawn anew at every step; G, a 3x3 convolution, ReLU and a 3x3 convolution, belongs to the loss and is
    dropped with it. Published weight 2e-5, drop 0.65 for one-stage and 0.45 for two-stage detectors. Summed over
    channels and places, so that the weight that suits it falls with the size of the map.

    Two processes equal one where ``drop`` is 0; else each draws its own M. Known minimum: 0 where G(S * M) = T, at
    student = teacher only if G has become the identity there.

    Args:
        channels: Of student (after the connector) and teacher.
        drop: Probability that a place of the student is struck out.
    """

    kinds = ('bev', 'image')

    def __init__(self, *, channels: int, drop: float = 0.65) -> None:
        super().__init__()
        if not 0 <= drop < 1:
            raise ValueError(f'MGD: drop lies in [0, 1), got {drop}')
        self.drop = drop
        self.generator = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)
        )

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """The teacher's channel count, where it is declared."""
        return {} if target.channels is None else dict(channels=target.channels)

    def forward(
        self, student: Tensor, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        kept = torch.rand_like(student[:, :1]) >= self.drop
        places = (self.generator(student * kept) - scaled(teacher, scale)).square().sum(dim=1, keepdim=True)
        total = (places if weight is None else places * weight).sum()
        return total / normaliser(student.new_tensor(float(len(student))))

    def __str__(self) -> str:
        return f'MGD(drop {self.drop:g})'
