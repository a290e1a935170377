"""Distances between feature maps."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, normaliser, ones_like_places
from perception_kd.registry import DISTILL_LOSSES

NORMS = ('rms', 'channel_rms', 'l2', 'channel_std')


def normalised(student: Tensor, teacher: Tensor, mode: str | None) -> tuple[Tensor, Tensor]:
    """Student and teacher as a feature distance compares them.

    Args:
        student, teacher: ``(B, C, ...)``.
        mode: ``rms`` and ``channel_rms`` divide the teacher alone, see :func:`rms_normalised`. ``l2`` divides
            both by their length over channels at every place; ``channel_std`` both by their standard deviation
            over the places of a sample and channel (it does not move the mean, so that empty stays empty).
            None: as they are.

    Raises:
        ValueError: ``channel_std`` of vectors, which have no places.
    """
    if mode == 'l2':
        return functional.normalize(student, dim=1, eps=1e-6), functional.normalize(teacher, dim=1, eps=1e-6)
    if mode == 'channel_std':
        return _unit_variance(student), _unit_variance(teacher)
    return student, rms_normalised(teacher, mode)


def _unit_variance(value: Tensor) -> Tensor:
    if value.dim() < 3:
        raise ValueError(f'channel_std needs maps, got {tuple(value.shape)}')
    variance = value.var(dim=tuple(range(2, value.dim())), keepdim=True, unbiased=False)
    return value * torch.rsqrt(variance + 1e-6)


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

    ``nu`` is applied to the student too where it says so. Minimum: at student = scaled teacher. The loss does
    not change when the teacher is multiplied by a positive number and ``normalise`` is set.

    Args:
        channel: ``mean`` or ``sum`` over channels inside d. A sum is C times as strong: choose the pair's
            weight accordingly (LabelDistill's code sums; a mean keeps terms of different width comparable).
        normalise: ``rms``, ``channel_rms``, ``l2``, ``channel_std`` or None: see :func:`normalised`. ``l2``
            makes every place equally strong, and so erases what an intensity has put into a feature.
    """

    kinds = ('bev', 'image', 'vector', 'volume')

    def __init__(
        self,
        *,
        channel: Literal['mean', 'sum'] = 'mean',
        normalise: Literal['rms', 'channel_rms', 'l2', 'channel_std'] | None = None,
    ) -> None:
        super().__init__()
        if channel not in ('mean', 'sum') or normalise not in (None, *NORMS):
            raise ValueError(f"{type(self).__name__}: unknown channel '{channel}' or normalise '{normalise}'")
        self.channel, self.normalise = channel, normalise

    def distance(self, student: Tensor, target: Tensor) -> Tensor:
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
        student, target = self.sides(student, teacher, weight=weight, scale=scale)
        distance = self.distance(student, target)
        places = (
            distance.mean(dim=1, keepdim=True)
            if self.channel == 'mean'
            else distance.sum(dim=1, keepdim=True)
        )
        weight = ones_like_places(student) if weight is None else weight
        return (places * weight).sum() / normaliser(weight.sum())

    def sides(
        self, student: Tensor, teacher: Any, *, weight: Tensor | None, scale: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Both normalised, the teacher then scaled."""
        student, target = normalised(student, teacher, self.normalise)
        return student, target if scale is None else target * scale

    def __str__(self) -> str:
        return f'{type(self).__name__}({self.channel}{", " + self.normalise if self.normalise else ""})'


@DISTILL_LOSSES.register_module()
class MSE(_FeatureDistance):
    """Squared difference (FitNets, Romero et al., ICLR 2015; weighted as in IMKD's three feature terms)."""

    reads_everywhere = False

    def distance(self, student: Tensor, target: Tensor) -> Tensor:
        """Squared difference."""
        return (student - target).square()


@DISTILL_LOSSES.register_module()
class L1(_FeatureDistance):
    """Absolute difference."""

    reads_everywhere = False

    def distance(self, student: Tensor, target: Tensor) -> Tensor:
        """Absolute difference."""
        return (student - target).abs()


@DISTILL_LOSSES.register_module()
class BCE(_FeatureDistance):
    """Binary cross entropy of a student map of probabilities with a target in [0, 1] (IMKD's optional anchor).

    Its minimum, at student = target, is the target's entropy: 0 only for a target of 0 and 1.
    """

    reads_everywhere = False

    def distance(self, student: Tensor, target: Tensor) -> Tensor:
        """``-t log s - (1 - t) log(1 - s)``, finite at 0 and 1."""
        student = student.clamp(1e-6, 1 - 1e-6)
        return -(target * student.log() + (1 - target) * torch.log1p(-student))
