"""Where a teacher is sure of itself."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.class_maps import Activation, check_activation, probabilities
from perception_kd.distill.masks.base import Mask, tap_logits
from perception_kd.registry import MASKS


@MASKS.register_module()
class ConfidenceGate(Mask):
    """1 where a teacher is sure, ``rejected`` elsewhere. The part that it accepts is logged as ``cover.<pair>``.

    Of a head it looks at the heat maps of all tasks, of any other tap at its channels: the classes of a vector, the
    bins of a depth or disparity distribution.

    Args:
        tap: ``teacher.tap`` of the pair's places.
        threshold: In [0, 1], see ``measure``.
        measure: ``probability``: sure where the largest class probability exceeds the threshold; ``entropy``: where
            the entropy, as part of the largest possible one, lies below it. Under ``sigmoid`` that is the largest
            entropy of any class, so that a teacher who sees clearly that nothing is there is sure, too.
        activation: ``sigmoid`` of each class on its own, as in CenterHead, or ``softmax``.
        rejected: Weight of the other places.
    """

    def __init__(
        self,
        *,
        tap: str,
        threshold: float = 0.3,
        measure: Literal['probability', 'entropy'] = 'probability',
        activation: Activation = 'sigmoid',
        rejected: float = 0.0,
    ) -> None:
        check_activation('ConfidenceGate', activation)
        if measure not in ('probability', 'entropy'):
            raise ValueError(f"ConfidenceGate: measure is 'probability' or 'entropy', got '{measure}'")
        if not 0 <= threshold <= 1 or rejected < 0:
            raise ValueError(
                f'ConfidenceGate: threshold lies in [0, 1] and rejected is not negative, got {threshold} and {rejected}'
            )
        self.tap, self.threshold, self.measure = tap, threshold, measure
        self.activation, self.rejected = activation, rejected
        self.teacher_taps = (tap,)

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ...)`` float32."""
        logits = tap_logits('ConfidenceGate', batch.teacher_taps, self.tap, batch)
        if self.measure == 'probability':
            sure = probabilities(logits, self.activation).amax(dim=1, keepdim=True) > self.threshold
        else:
            sure = entropy_share(logits, self.activation) < self.threshold
        return sure.float().clamp(min=self.rejected)

    def __str__(self) -> str:
        sign = '>' if self.measure == 'probability' else '<'
        return f'ConfidenceGate({self.tap}, {self.measure} {sign} {self.threshold:g})'


def entropy_share(logits: Tensor, activation: Activation) -> Tensor:
    """``(B, 1, ...)`` in [0, 1]: entropy of ``(B, C, ...)`` logits over the largest possible one.

    ``softmax``: of the classes' distribution; ``sigmoid``: the largest of the classes', each on its own.
    """
    if activation == 'softmax':
        log_p = logits.log_softmax(dim=1)
        return -(log_p.exp() * log_p).sum(dim=1, keepdim=True) / math.log(max(logits.shape[1], 2))
    p, log = logits.sigmoid(), torch.nn.functional.logsigmoid
    entropy = -(p * log(logits) + (1 - p) * log(-logits))
    return entropy.amax(dim=1, keepdim=True) / math.log(2)
