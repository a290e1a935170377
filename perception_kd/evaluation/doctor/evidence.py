"""When a cure is believed: it has to help much, and wherever there is something to help.

Thresholds, and why. A wrong convention turns an error that a model has into another, several times as large, in every
box of every class and scene. A weak model errs in its own ways: large errors that no single change takes away.

- ``ENOUGH`` pairs of a predicted and a true box: below, means are luck.
- The error falls to ``SHARE_LEFT`` of itself or less (a random heading that is read in another way stays random),
- and by the ``floor`` of its kind, so that nobody hears of what costs nothing.
- In ``MOST`` of the stretches of drive, and of the classes, that have ``SOME`` pairs or more, it falls too: one long
  queue of oncoming cars must not speak for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.evaluation.doctor.cures import Cure
from perception_kd.evaluation.doctor.frames import Frames
from perception_kd.evaluation.fast.boxes import BoxArrays

ENOUGH, SOME = 20, 4
SHARE_LEFT = 0.5
MOST = 0.75
SIMPLER = 0.8  # a later cure in a list is taken when it leaves less than this share of what an earlier one leaves

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """Predictions and the true boxes that they met, N each.

    Args:
        truth, predicted: The boxes, row by row.
        frames: The key frames that ``frame`` of both counts in.
    """

    truth: BoxArrays
    predicted: BoxArrays
    frames: Frames

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, chosen: Ints | Mask) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.truth.take(chosen), self.predicted.take(chosen), self.frames)

    @property
    def group(self) -> Ints:
        """``(N,)`` stretch of drive of each pair."""
        return self.frames.group[self.truth.frame]


Error = Callable[[BoxArrays, BoxArrays], Floats]
"""Error ``(N,)`` of predicted boxes against true ones."""


@dataclass(frozen=True)
class Trial:
    """What a cure does to an error.

    Args:
        cure: That was tried.
        before, after: Mean error.
        convincing: Whether it is believed.
    """

    cure: Cure
    before: float
    after: float
    convincing: bool


def attempt(pairs: Pairs, cure: Cure, error: Error, floor: float) -> Trial:
    """Read the predictions of the pairs in another way.

    Args:
        pairs: All that the mistake would have to be seen in.
        cure: The other way.
        error: Of a prediction.
        floor: Smallest fall of the mean error that matters.
    """
    before = error(pairs.truth, pairs.predicted)
    after = error(pairs.truth, cure.change(pairs.predicted, pairs.frames))
    if len(pairs) < ENOUGH:
        return Trial(cure, _mean(before), _mean(after), False)
    helps = (after.mean() <= SHARE_LEFT * before.mean() and before.mean() - after.mean() >= floor
             and mostly(pairs.group, before, after) and mostly(pairs.truth.label, before, after))
    return Trial(cure, float(before.mean()), float(after.mean()), bool(helps))


def best(pairs: Pairs, cures: Sequence[Cure], error: Error, floor: float) -> Trial | None:
    """The most convincing of several cures, the simplest first in the list; None where none convinces."""
    found = None
    for trial in (attempt(pairs, cure, error, floor) for cure in cures):
        if trial.convincing and (found is None or trial.after < SIMPLER * found.after):
            found = trial
    return found


def mostly(key: Ints, before: Floats, after: Floats) -> bool:
    """Whether the mean error falls by a quarter in most of the parts (``key`` (N,)) that have enough pairs."""
    falls = [after[key == one].mean() <= MOST * before[key == one].mean()
             for one in np.unique(key) if (key == one).sum() >= SOME]
    return len(falls) > 0 and float(np.mean(falls)) >= MOST


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float('nan')
