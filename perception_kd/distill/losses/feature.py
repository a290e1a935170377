"""Distances between feature maps."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, normaliser, ones_like_places
from perception_kd.registry import DISTILL_LOSSES


def rms_normalised(value: Tensor, mode: Literal['rms', 'channel_rms'] | None) -> Tensor:
    """A teacher value divided by its root mean square, per sample, so that its scale no longer matters.

    Args:
        value: ``(B, C, ...)``.
        mode: ``rms`` over all channels and places; ``channel_rms`` per channel; None leaves it as it is. A
            part that is all 0 stays 0.
    """
    if mode is None:
        return value
    axes = tuple(range(1 if mode == 'rms' else 2, value.dim()))
    with torch.no_grad():
        return value / value.square().mean(dim=axes, keepdim=True).sqrt().clamp(min=1e-6)


class _FeatureDistance(DistillLoss):
    """``sum_x W(x) d(S(x), scale(x) * nu(T)(x)) / max(1, sum_x W(x))`` over the places x of the whole batch.

    Known minimum: 0 at student = scaled teacher. The loss does not change when the teacher is multiplied by a
    positive number and ``normalise`` is set.

    Args:
        channel: ``mean`` or ``sum`` over channels inside d. A sum is C times as strong: choose the pair's
            weight accordingly (LabelDistill's code sums; a mean keeps terms of different width comparable).
        normalise: ``rms``, ``channel_rms`` or None: see :func:`rms_normalised`.
    """

    kinds = ('bev', 'image', 'vector', 'volume')

    def __init__(
        self,
        *,
        channel: Literal['mean', 'sum'] = 'mean',
        normalise: Literal['rms', 'channel_rms'] | None = None,
    ) -> None:
        super().__init__()
        if channel not in ('mean', 'sum') or normalise not in (None, 'rms', 'channel_rms'):
            raise ValueError(f"{type(self).__name__}: unknown channel '{channel}' or normalise '{normalise}'")
        self.channel, self.normalise = channel, normalise

    def distance(self, difference: Tensor) -> Tensor:
        """Elementwise distance."""
        raise TypeError(f'{type(self).__name__} has no distance')

    def forward(
        self,
        student: Tensor,
        teacher: Any,
        *,
        weight: Tensor | None,
        scale: Tensor | None,
        batch: DistillBatch,
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        target = rms_normalised(teacher, self.normalise)
        if scale is not None:
            target = target * scale
        distance = self.distance(student - target)
        places = (
            distance.mean(dim=1, keepdim=True)
            if self.channel == 'mean'
            else distance.sum(dim=1, keepdim=True)
        )
        weight = ones_like_places(student) if weight is None else weight
        return (places * weight).sum() / normaliser(weight.sum())

    def __str__(self) -> str:
        return f'{type(self).__name__}({self.channel}{", " + self.normalise if self.normalise else ""})'


@DISTILL_LOSSES.register_module()
class MSE(_FeatureDistance):
    """Squared difference (FitNets, Romero et al., ICLR 2015; weighted as in IMKD's three feature terms)."""

    def distance(self, difference: Tensor) -> Tensor:
        """Square."""
        return difference.square()


@DISTILL_LOSSES.register_module()
class L1(_FeatureDistance):
    """Absolute difference."""

    def distance(self, difference: Tensor) -> Tensor:
        """Absolute value."""
        return difference.abs()
