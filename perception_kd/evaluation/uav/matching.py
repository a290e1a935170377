"""Which prediction found which target: one to one, the surest prediction first, as COCO has it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perception_kd.evaluation.uav.boxes import Floats, Ints, Mask

FALSE_ALARM, IGNORED = -1, -2


@dataclass(frozen=True)
class Matching:
    """Outcome for one picture and class.

    Args:
        truth_of: ``(D,)`` index of the target that each prediction found, ``FALSE_ALARM``, or ``IGNORED`` for one that
            lies in a region which does not count.
        found_by: ``(G,)`` index of the prediction that found each target; -1 for none.
    """

    truth_of: Ints
    found_by: Ints


def match(scores: Floats, likeness: Floats, threshold: float, ignored: Mask | None = None) -> Matching:
    """Let predictions take targets in the order of falling score, equal ones in their order.

    Each takes the free target that it is most like (of equals the last one); one that is left without may lie in an
    ignored region, and any number may lie in one. The first k predictions in this order are matched alike whether the
    rest is there or not, so one matching serves every threshold of the score.

    Args:
        scores: ``(D,)``.
        likeness: ``(D, G)``, as :func:`~perception_kd.evaluation.uav.boxes.overlaps`.
        threshold: Least likeness of a match.
        ignored: ``(G,)``; None: no region is.
    """
    least = min(threshold, 1 - 1e-10)
    regions = np.zeros(likeness.shape[1], bool) if ignored is None else ignored
    inside = (likeness[:, regions] >= least).any(axis=1)
    truth_of = np.where(inside, IGNORED, FALSE_ALARM)
    found_by = np.full(likeness.shape[1], -1)
    hopeful = (likeness >= least) & ~regions[None]
    for index in np.argsort(-scores, kind='stable'):
        free = np.flatnonzero(hopeful[index] & (found_by < 0))
        if len(free):
            values = likeness[index, free]
            best = free[np.flatnonzero(values == values.max())[-1]]
            truth_of[index], found_by[best] = best, index
    return Matching(truth_of, found_by)
