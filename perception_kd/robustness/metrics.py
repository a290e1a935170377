"""Corruption error and resilience rate of RoboBEV (Xie et al., arXiv:2304.06719), for any number of severities.

A score is NDS or mAP, in 0..1. Over the severities l of a fault i, and with a baseline model,

- corruption error ``CE_i = sum_l (1 - score_il) / sum_l (1 - score_il of the baseline)``: lower is better, the baseline
  has 1;
- resilience rate ``RR_i = sum_l score_il / (L_i * clean score)``: the part of the clean score that is left.

RoboBEV has three severities everywhere. Here ``L_i`` is the number of severities of the fault, so that each fault
weighs the same in ``mCE`` and ``mRR``, the means over faults, however many severities it has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import mean

Score = float | None


def corruption_error(scores: Sequence[Score], baseline: Sequence[Score]) -> Score:
    """CE of one fault as a fraction.

    Args:
        scores: Of the model, one for each severity; None or NaN where there is none.
        baseline: Of the baseline at the same severities.

    Returns:
        None where a score is missing, or the baseline makes no error at all.

    Raises:
        ValueError: Another number of severities.
    """
    if len(scores) != len(baseline):
        raise ValueError(f'a corruption error compares equal severities; got {len(scores)} and {len(baseline)}')
    if not _complete(scores) or not _complete(baseline):
        return None
    errors, reference = (math.fsum(1 - score for score in side) for side in (scores, baseline))
    return errors / reference if reference > 0 else None


def resilience_rate(scores: Sequence[Score], clean: Score) -> Score:
    """RR of one fault as a fraction; None where a score is missing, or nothing was left to lose (clean score 0)."""
    if not _complete(scores) or not _complete([clean]) or clean == 0:
        return None
    return math.fsum(scores) / (len(scores) * clean)


def mean_known(values: Iterable[Score]) -> Score:
    """Mean of the values that are known; None if none is."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    return mean(known) if known else None


def _complete(scores: Sequence[Score]) -> bool:
    return bool(scores) and all(score is not None and math.isfinite(score) for score in scores)
