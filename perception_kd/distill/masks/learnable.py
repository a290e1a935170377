"""The cells that this student can still learn from this teacher."""

from __future__ import annotations

from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.class_maps import Activation, check_activation, class_divergence
from perception_kd.distill.masks.base import Mask, build_mask, check_classes, tap_logits
from perception_kd.registry import MASKS


@MASKS.register_module()
class LearnableFirst(Mask):
    """1 in the cells where a reference student is ahead of the student by most, 0 elsewhere: AdaSPEC on dense heads.

    AdaSPEC (NeurIPS 2025) distils a draft model on the tokens with the largest ``D(T, S) - D(T, R)``: R, a student
    that has learnt from the teacher before, shows what a model of this size can learn, and what neither of them can
    is left alone. Here D is the KL divergence of a cell's classes, and of every sample's candidate cells the
    ``fraction`` with the largest difference count (all of a sample with equal differences: the first ones).

    Args:
        student, teacher, reference: Taps of the same kind: the student's, and two teachers' as ``teacher.tap``. The
            reference is an earlier checkpoint of the student, frozen.
        fraction: Of the candidates; published 0.4.
        candidates: Mask whose cells above 0 are candidates, for example where the teacher or the truth says
            something; None: all.
        activation, temperature: Of the divergence, see :func:`~perception_kd.distill.class_maps.class_divergence`.
    """

    def __init__(
        self,
        *,
        student: str = 'head',
        teacher: str = 'lidar.head',
        reference: str = 'reference.head',
        fraction: float = 0.4,
        candidates: dict | Mask | None = None,
        activation: Activation = 'sigmoid',
        temperature: float = 1.0,
    ) -> None:
        check_activation('LearnableFirst', activation)
        if not 0 < fraction <= 1 or not temperature > 0:
            raise ValueError(
                f'LearnableFirst: fraction lies in (0, 1], temperature above 0; got {fraction} and {temperature}'
            )
        self.student, self.teacher, self.reference = student, teacher, reference
        self.fraction, self.candidates = fraction, build_mask(candidates)
        self.activation, self.temperature = activation, temperature
        inner = self.candidates or Mask()
        self.student_taps = (student, *inner.student_taps)
        self.teacher_taps = (teacher, reference, *inner.teacher_taps)
        self.needs_boxes = inner.needs_boxes

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ...)`` of 0 and 1."""
        ours = tap_logits('LearnableFirst', batch.student_taps, self.student, batch)
        target, ahead = (tap_logits('LearnableFirst', batch.teacher_taps, name, batch)
                         for name in (self.teacher, self.reference))
        check_classes('LearnableFirst', ours, target, ahead)
        gain = class_divergence(ours, target, self.activation, self.temperature)
        gain = gain - class_divergence(ahead, target, self.activation, self.temperature)
        allowed = gain.isfinite() if self.candidates is None else self.candidates(batch) > 0
        return top_fraction(gain.flatten(1), allowed.flatten(1), self.fraction).view_as(gain).float()

    def __str__(self) -> str:
        among = '' if self.candidates is None else f' of {self.candidates}'
        return f'LearnableFirst({self.fraction:g}{among}, {self.reference})'


def top_fraction(values: Tensor, allowed: Tensor, fraction: float) -> Tensor:
    """Which entries are among the largest of their row.

    Args:
        values: ``(B, N)``.
        allowed: ``(B, N)`` bool: the entries that take part.
        fraction: How many of these, rounded up.

    Returns:
        ``(B, N)`` bool; of equal values the first.
    """
    count = (fraction * allowed.sum(dim=1, keepdim=True) - 1e-4).ceil()
    order = values.masked_fill(~allowed, float('-inf')).argsort(dim=1, descending=True, stable=True)
    return (order.argsort(dim=1) < count) & allowed
