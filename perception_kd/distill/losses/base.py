"""The interface of distillation losses and the normaliser that they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from mmengine import dist
from torch import Tensor, nn

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.parts import build_part
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures import TapSpec

_counts = ContextVar('counts', default=True)


class DistillLoss(nn.Module):
    """A module that compares a student value with a teacher value.

    It may own parameters (a discriminator, a generator): they live and train with the pair, and are dropped
    at deployment. An adversarial loss fits one backward pass: its discriminator learns from detached student
    features, the student through the discriminator with detached weights; the learning rate of the
    discriminator is a parameter group (``pairs.<name>.loss``).
    """

    kinds: tuple[str, ...] = ()
    """Tap kinds that the loss can compare."""

    needs_boxes: bool = False
    """Whether the loss reads true boxes: its pair then leaves out samples without annotations."""

    same_channels: bool = True
    """Whether student and teacher need as many channels as each other; False: the loss looks at relations alone."""

    reads_everywhere: bool = True
    """Whether the loss may look at the teacher where the mask is 0. False, in the class itself and not inherited, for a
    loss that there reads no more than each channel's mean and mean square over all places, as a normalisation does: a
    teacher cache then keeps only the cells that count."""

    blind_to_scale: bool = False
    """Whether a positive factor on all of a sample's student, or of its teacher, changes nothing."""

    noted: Mapping[str, Tensor] = {}
    """What the last comparison found worth logging beside its value, by name: scalars, logged as ``<name>.<pair>``."""

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """Constructor arguments that follow from the declarations of what the loss compares.

        Args:
            source: The student's value after the connector.
            target: The teacher's value.
        """
        return {}

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar loss.

        Args:
            student: The student's value after the connector, float32.
            teacher: The teacher's value, float32, without gradient.
            weight: ``(B, 1, ...)``: how much each place counts; None: all the same.
            scale: ``(B, 1, ...)``: what the (normalised) teacher is multiplied by; None: nothing.
            batch: Everything else that a loss may look at, on the grid of the teacher's tap.
        """
        raise TypeError(f'{type(self).__name__} does not say how it compares')

    def sides(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None
    ) -> tuple[Any, Any]:
        """Student and teacher as they are held against each other, for pictures: normalised and scaled as the loss
        does. Arguments as for ``forward``. By default the teacher is scaled, and both are divided by their root mean
        square over a sample where their sizes do not count (``blind_to_scale``, or other channels on either side).
        """
        teacher = teacher if scale is None else teacher * scale
        relative = self.blind_to_scale or not self.same_channels
        return (_unit_rms(student), _unit_rms(teacher)) if relative else (student, teacher)


def _unit_rms(value: Tensor) -> Tensor:
    axes = tuple(range(1, value.dim()))
    return value / value.square().mean(dim=axes, keepdim=True).sqrt().clamp(min=1e-12)


def normaliser(total: Tensor) -> Tensor:
    """What a weighted sum is divided by: ``max(1, total)``, over all processes.

    The sum of the weights of all processes is divided by their number, so that gradients averaged by
    distributed training equal those of one process with the whole batch.
    """
    total = total.detach().float() * float(_counts.get())
    processes = dist.get_world_size()
    if processes > 1:
        dist.all_reduce(total)
    return total.clamp(min=1.0) / processes


@contextmanager
def counting_nothing() -> Iterator[None]:
    """A block in which this process adds nothing to any :func:`normaliser`.

    A process without a sample to compare computes the loss in such a block and drops it: the others wait for every
    sum over processes that the loss makes. Its samples have no boxes and no labels (:func:`counts_nothing`).
    """
    token = _counts.set(False)
    try:
        yield
    finally:
        _counts.reset(token)


def counts_nothing() -> bool:
    """Whether this runs in a block of :func:`counting_nothing`."""
    return not _counts.get()


def build_loss(cfg: dict | str | DistillLoss, source: TapSpec, target: TapSpec) -> DistillLoss:
    """A loss from its config, filling in what the declarations settle; a ready one passes through.

    Args:
        cfg: See :func:`~perception_kd.distill.parts.build_part`.
        source, target: As for :meth:`DistillLoss.arguments`.
    """
    if isinstance(cfg, DistillLoss):
        return cfg
    return build_part(DISTILL_LOSSES, cfg, 'loss', defaults=lambda kind: kind.arguments(source, target))


def no_scale(loss: DistillLoss, scale: Tensor | None) -> None:
    """Refuse a target scale where it has no meaning."""
    if scale is not None:
        raise ValueError(
            f'{type(loss).__name__} takes no target_scale: a scaled head output is no head output'
        )


def no_mask(loss: DistillLoss, weight: Tensor | None) -> None:
    """Refuse a mask where it has no meaning."""
    if weight is not None:
        raise ValueError(f'{type(loss).__name__} takes no mask: it does not compare place by place')


def ones_like_places(value: Tensor) -> Tensor:
    """``(B, 1, ...)`` of ones for a value ``(B, C, ...)``."""
    return torch.ones_like(value[:, :1])
