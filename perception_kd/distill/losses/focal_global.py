"""Focal and global knowledge distillation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, normaliser, ones_like_places
from perception_kd.distill.losses.numerics import scaled
from perception_kd.distill.losses.response import true_boxes
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures import TapSpec
from perception_kd.structures.footprint import footprints, shared_weights
from perception_kd.structures.image_grid import image_boxes, image_footprints


class GlobalContext(nn.Module):
    """``R(F) = F + W2 ReLU(LN(W1 sum_x softmax_x(w F)(x) F(x)))``: the global context block (Cao et al., ICCVW 2019).

    Args:
        channels: Of the map. The inner width is half of it.
    """

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        width = max(channels // 2, 1)
        self.where = nn.Conv2d(channels, 1, 1)
        self.change = nn.Sequential(
            nn.Linear(channels, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, channels)
        )
        nn.init.zeros_(self.change[-1].weight)  # as published: it begins as the identity
        nn.init.zeros_(self.change[-1].bias)

    def forward(self, value: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same."""
        attention = self.where(value).flatten(2).softmax(dim=2)
        context = (value.flatten(2) * attention).sum(dim=2)
        return value + self.change(context)[:, :, None, None]


@DISTILL_LOSSES.register_module()
class FGD(DistillLoss):
    """Features in and around true boxes, where the teacher looks (focal), and their global context, per sample::

      focal    sum_x (alpha M(x) + beta (1 - M(x))) S(x) A(x) sum_c A_c (T_c(x) - S_c(x))^2
      looking  gamma (|A^T - A^S|_1 + |A_c^T - A_c^S|_1)
      global   lambda sum_x |R_T(T)(x) - R_S(S)(x)|^2

    M is 1 in boxes; S(x) is one over the cells of the box (the smallest, where boxes overlap), or over the cells of
    the background. ``A(x) = HW softmax_x(mean_c |F| / T)``, ``A_c = C softmax_c(mean_x |F| / T)``, of the teacher in
    the focal part. R are two global context blocks, one per side, that belong to the loss and learn.

    Focal and global knowledge distillation (Yang et al., CVPR 2022) with its constants for one-stage detectors, to be
    used at weight 1; on bird's-eye views boxes are footprints seen from above instead of boxes in an image. Focal and
    global part are sums, so that the weights that suit them fall with the size of the map.

    Sums over samples are divided by their number over all processes: two equal one. A mask multiplies all sums over
    places; attentions are taken over the whole map. Known minimum: 0 at student = teacher while the two blocks are
    equal, as they are at the beginning. Invariant under one order of the channels for both sides while the blocks are
    identities.

    Args:
        channels: Of student (after the connector) and teacher.
        alpha, beta, gamma: Weights of foreground, background and attention.
        lambda_global: Weight of the global part.
        temperature: Of the attentions.
    """

    kinds = ('bev', 'image')
    needs_boxes = True

    def __init__(
        self,
        *,
        channels: int,
        alpha: float = 1e-3,
        beta: float = 5e-4,
        gamma: float = 1e-3,
        lambda_global: float = 5e-6,
        temperature: float = 0.5,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f'FGD: temperature is positive, got {temperature}')
        self.alpha, self.beta, self.gamma, self.lambda_global = alpha, beta, gamma, lambda_global
        self.temperature = temperature
        self.student_context, self.teacher_context = (GlobalContext(channels=channels) for _ in range(2))

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """The teacher's channel count, where it is declared."""
        return {} if target.channels is None else dict(channels=target.channels)

    def forward(
        self, student: Tensor, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; ``batch`` holds the true boxes. See :class:`DistillLoss`."""
        teacher = scaled(teacher, scale)
        weight = ones_like_places(student) if weight is None else weight
        places, channels = self._attention(teacher)
        our_places, our_channels = self._attention(student)
        counts = focal_weights(batch, self.alpha, self.beta).to(student) * weight * places
        total = (counts * channels * (student - teacher).square()).sum()
        looking = ((our_places - places).abs() * weight).sum() + (our_channels - channels).abs().sum()
        context = (self.student_context(student) - self.teacher_context(teacher)).square()
        total = total + self.gamma * looking + self.lambda_global * (context * weight).sum()
        return total / normaliser(student.new_tensor(float(len(student))))

    def _attention(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, 1, H, W)`` over places and ``(B, C, 1, 1)`` over channels, each of mean 1."""
        size = value.abs()
        places = size.mean(dim=1, keepdim=True)
        channels = size.mean(dim=(2, 3), keepdim=True)
        where = functional.softmax(places.flatten(1) / self.temperature, dim=1).view_as(places)
        which = functional.softmax(channels / self.temperature, dim=1)
        return where * places[0].numel(), which * value.shape[1]

    def __str__(self) -> str:
        return f'FGD(alpha {self.alpha:g}, beta {self.beta:g}, gamma {self.gamma:g}, lambda {self.lambda_global:g})'


def focal_weights(batch: DistillBatch, inside: float, outside: float) -> Tensor:
    """``inside`` over each box's cells, ``outside`` over the background's: ``(B, 1, ny, nx)``, by sample.

    Args:
        batch: With true boxes and a grid, seen from above or in the picture.
        inside: Sum over the cells of a box that no other overlaps.
        outside: Sum over the cells that no box covers.

    Raises:
        ValueError: the pair has no grid.
    """
    covered = [_cells(sample, batch) for sample in batch.data_samples]
    return torch.stack([shared_weights(of_sample.float(), outside, inside) for of_sample in covered])[:, None]


def _cells(sample: Any, batch: DistillBatch) -> Tensor:
    """``(K, ny, nx)`` bool: cells of each box of a sample."""
    if batch.image is not None:
        return image_footprints(image_boxes(sample).to(batch.device), batch.image)
    grid = batch.require_grid('FGD')
    return footprints(true_boxes(sample)[0].to(batch.device), grid)
