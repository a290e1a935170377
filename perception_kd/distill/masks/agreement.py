"""Where a teacher verifies what the student proposes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.checks import head_tasks
from perception_kd.distill.masks.base import Mask, check_classes, tap_logits
from perception_kd.registry import MASKS

_LARGEST_LOG = 5.0  # of a side in metres: 148 m; an untrained head must not overflow


@MASKS.register_module()
class AgreementGate(Mask):
    """1 where the teacher accepts the student's proposal, ``rejected`` where not: SpecKD on dense heads.

    SpecKD (arXiv 2510.24021; SelecTKD in its second version) distils the tokens that a teacher would accept in
    speculative decoding. Moved to CenterHeads, our reading: a cell's proposal is the student's best class and the box
    of that class's task. The cell is accepted where

    - the class is among the ``top_k`` of the teacher there, or, ``sampled``, with probability
      ``min(1, p_T / p_S)`` of that class (random numbers of the pair's own, the same in every run of a seed), **and**
    - the boxes of both agree (``min_iou`` or ``max_distance``), **or**
    - the teacher's largest class probability exceeds ``confident``.

    Where neither of the two reaches ``floor`` both say that nothing is there, and the weight is ``background``: with
    ``background=1, rejected=0`` the logged ``cover.<pair>`` is 1 less the part of rejected cells.

    Args:
        student, teacher: Taps of kind ``head``; the teacher's as ``teacher.tap``.
        accept: ``top_k`` or ``sampled``.
        top_k: How many classes of the teacher may be the student's best.
        min_iou: Least intersection over union of the axis-aligned rectangles around the boxes; None: any.
        max_distance: Largest distance of the boxes' centres in metres; None: any.
        confident: Teacher confidence that needs no proposal; None: a proposal is always needed.
        floor: Class probability from which on something is said to be there; a CenterHead starts with 0.1 everywhere.
        background, rejected: Weights of cells without a proposal and of rejected ones (beta in the paper).
    """

    def __init__(
        self,
        *,
        student: str = 'head',
        teacher: str = 'lidar.head',
        accept: Literal['top_k', 'sampled'] = 'top_k',
        top_k: int = 1,
        min_iou: float | None = 0.5,
        max_distance: float | None = None,
        confident: float | None = 0.3,
        floor: float = 0.2,
        background: float = 1.0,
        rejected: float = 0.0,
    ) -> None:
        if accept not in ('top_k', 'sampled') or top_k < 1:
            raise ValueError(f"AgreementGate: accept is 'top_k' or 'sampled', top_k >= 1; got '{accept}' and {top_k}")
        if background < 0 or rejected < 0:
            raise ValueError(f'AgreementGate: weights are not negative, got {background} and {rejected}')
        self.student, self.teacher, self.accept, self.top_k = student, teacher, accept, top_k
        self.min_iou, self.max_distance, self.confident, self.floor = min_iou, max_distance, confident, floor
        self.background, self.rejected = background, rejected
        self.student_taps, self.teacher_taps = (student,), (teacher,)

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)`` float32."""
        batch.require_grid('AgreementGate')
        ours = tap_logits('AgreementGate', batch.student_taps, self.student, batch).sigmoid()
        theirs = tap_logits('AgreementGate', batch.teacher_taps, self.teacher, batch).sigmoid()
        check_classes('AgreementGate', ours, theirs)
        highest, proposal = ours.max(dim=1, keepdim=True)
        accepted = self._class_verified(highest, theirs, proposal) & self._boxes_agree(batch, proposal)
        confidence = theirs.amax(dim=1, keepdim=True)
        if self.confident is not None:
            accepted = accepted | (confidence > self.confident)
        weight = accepted.float().clamp(min=self.rejected)
        empty = torch.maximum(highest, confidence) < self.floor
        return torch.where(empty, torch.full_like(weight, self.background), weight)

    def _class_verified(self, highest: Tensor, theirs: Tensor, proposal: Tensor) -> Tensor:
        """``(B, 1, ny, nx)`` bool: whether the teacher lets the proposed class pass."""
        if self.accept == 'sampled':
            ratio = theirs.gather(1, proposal) / highest.clamp(min=1e-6)
            return torch.rand_like(ratio) < ratio
        best = theirs.topk(min(self.top_k, theirs.shape[1]), dim=1).indices
        return (best == proposal).any(dim=1, keepdim=True)

    def _boxes_agree(self, batch: DistillBatch, proposal: Tensor) -> Tensor:
        """The same of the boxes of the proposed class's task."""
        if self.min_iou is None and self.max_distance is None:
            return torch.ones_like(proposal, dtype=torch.bool)
        pairs = zip(head_tasks(batch.student_taps[self.student]), head_tasks(batch.teacher_taps[self.teacher]))
        by_class = []
        for ours, theirs in pairs:
            agree = self._alike(rectangles(ours, batch.grid.cell), rectangles(theirs, batch.grid.cell))
            by_class.append(agree.expand(-1, ours['heatmap'].shape[1], -1, -1))
        return torch.cat(by_class, dim=1).gather(1, proposal)

    def _alike(self, ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> Tensor:
        alike = torch.ones_like(ours[0][:, :1], dtype=torch.bool)
        if self.max_distance is not None:
            gap = (ours[0] - theirs[0]).square().sum(dim=1, keepdim=True)
            alike = alike & (gap <= self.max_distance**2)
        return alike if self.min_iou is None else alike & (rectangle_iou(ours, theirs) >= self.min_iou)

    def __str__(self) -> str:
        return f'AgreementGate({self.accept}, IoU {self.min_iou}, distance {self.max_distance}, or {self.confident})'


def rectangles(maps: Mapping[str, Any], cell: float) -> tuple[Tensor, Tensor]:
    """The axis-aligned rectangle around the box that a CenterHead gives at each cell, in metres, without gradient.

    Args:
        maps: Of one task: ``reg`` (cells), ``dim`` (log of length, width, height in metres), ``rot`` (sin, cos).
        cell: Metres.

    Returns:
        Centre relative to the cell's corner and size, ``(B, 2, ny, nx)`` each, x first.

    Raises:
        ValueError: a branch is missing.
    """
    missing = [name for name in ('reg', 'dim', 'rot') if name not in maps]
    if missing:
        raise ValueError(f'boxes cannot be compared: a head has no {", ".join(missing)}')
    reg, dim, rot = (maps[name].detach().float() for name in ('reg', 'dim', 'rot'))
    length, width = dim[:, :2].clamp(max=_LARGEST_LOG).exp().split(1, dim=1)
    sin, cos = torch.nn.functional.normalize(rot, dim=1).abs().split(1, dim=1)
    return reg * cell, torch.cat([length * cos + width * sin, length * sin + width * cos], dim=1)


def rectangle_iou(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> Tensor:
    """``(B, 1, ny, nx)``: intersection over union of two centres and sizes as :func:`rectangles` gives them."""
    low = torch.maximum(*(centre - size / 2 for centre, size in (ours, theirs)))
    high = torch.minimum(*(centre + size / 2 for centre, size in (ours, theirs)))
    common = (high - low).clamp(min=0).prod(dim=1, keepdim=True)
    either = sum(size.prod(dim=1, keepdim=True) for _, size in (ours, theirs)) - common
    return common / either.clamp(min=1e-6)
