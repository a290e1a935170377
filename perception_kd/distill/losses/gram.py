"""Which places of a map resemble which, at several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, no_mask, normaliser
from perception_kd.distill.losses.numerics import unit
from perception_kd.registry import DISTILL_LOSSES


@DISTILL_LOSSES.register_module()
class GramRelation(DistillLoss):
    """``sum over sizes n of mean |S_n^T S_n - T_n^T T_n|``, mean over the batch (CRKD's RelD, Zhao et al., CVPR 2024).

    ``S_n`` is the map averaged to ``n x n`` places, ``(C, n^2)``; its affinity ``S_n^T S_n`` says which places resemble
    which. The mean over samples counts those of all processes.

    Known minimum: 0 at student = teacher. Invariant to any rotation of the channels of either side.

    Args:
        sizes: Sides n of the averaged maps, none above the map's own; an affinity holds n^4 numbers a sample.
        normalise: ``cosine``: places have length 1 (an empty place stays 0); ``dim``: the affinity is divided by the
            number of channels, so that wide maps count no more than narrow ones; None: as it is.
    """

    kinds = ('bev', 'image')

    def __init__(
        self, *, sizes: Sequence[int] = (32, 16, 8, 4), normalise: Literal['cosine', 'dim'] | None = None
    ) -> None:
        super().__init__()
        if not sizes or min(sizes) < 1 or normalise not in (None, 'cosine', 'dim'):
            raise ValueError("GramRelation: sizes are positive and normalise is None, 'cosine' or 'dim', got "
                             f"{tuple(sizes)} and '{normalise}'")
        self.sizes, self.normalise = tuple(sizes), normalise
        self.blind_to_scale = normalise == 'cosine'

    def forward(
        self, student: Tensor, teacher: Tensor, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        no_mask(self, weight)
        if min(student.shape[-2:]) < max(self.sizes):
            raise ValueError(f'GramRelation: the map is {tuple(student.shape[-2:])}, sizes go up to {max(self.sizes)}')
        teacher = teacher if scale is None else teacher * scale
        gaps = sum((self._affinity(student, size) - self._affinity(teacher, size)).abs().flatten(1).mean(1)
                   for size in self.sizes)
        return gaps.sum() / normaliser(gaps.new_tensor(float(len(gaps))))

    def _affinity(self, value: Tensor, size: int) -> Tensor:
        """``(B, C, ny, nx)`` -> ``(B, size^2, size^2)``."""
        places = functional.adaptive_avg_pool2d(value, size).flatten(2)
        if self.normalise == 'cosine':
            places = unit(places, dim=1, least=1e-6)
        affinity = torch.bmm(places.transpose(1, 2), places)
        return affinity / value.shape[1] if self.normalise == 'dim' else affinity

    def __str__(self) -> str:
        return f'GramRelation({", ".join(map(str, self.sizes))}{", " + self.normalise if self.normalise else ""})'
