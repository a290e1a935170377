"""When a curve first reaches a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SHARES = (0.5, 0.8, 0.9, 0.95, 1.0)
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Points:
    """Known points of a run's curve of one metric.

    Args:
        epochs: Rising.
        values: At these.
        seconds: Of training up to them; None: not known.
    """

    epochs: tuple[float, ...]
    values: tuple[float, ...]
    seconds: tuple[float, ...] | None

    @classmethod
    def of(cls, curve: Mapping[str, Any] | None, metric: str) -> Points | None:
        """From a run's file; None: it has no point of this metric."""
        values = ((curve or {}).get('metrics') or {}).get(metric) or []
        known = [place for place, value in enumerate(values) if value is not None]
        if not known:
            return None
        seconds = curve.get('seconds')
        return cls(tuple(curve['epochs'][place] for place in known), tuple(values[place] for place in known),
                   tuple(seconds[place] for place in known) if seconds else None)

    @property
    def final(self) -> float:
        """The last value."""
        return self.values[-1]

    def epoch_of(self, target: float) -> float | None:
        """Epoch at which the curve, straight between its points, first reaches a value; None: it does not.

        A curve that is above it from its first point on is given that point's epoch, which is then an upper bound.
        """
        for place, value in enumerate(self.values):
            if value >= target - _ROUNDING:
                if not place:
                    return float(self.epochs[0])
                before, begin, end = self.values[place - 1], self.epochs[place - 1], self.epochs[place]
                return begin + (end - begin) * min(1.0, (target - before) / (value - before))
        return None

    def seconds_at(self, epoch: float | None) -> float | None:
        """Seconds of training up to an epoch between the first and the last point."""
        if epoch is None or self.seconds is None:
            return None
        return float(np.interp(epoch, self.epochs, self.seconds))


def reached(points: Sequence[tuple[Points, Points]], share: float) -> list[tuple[float | None, float | None]]:
    """Epochs and seconds of each run to a share of the final value that the reference has with the same seed.

    Args:
        points: Of the method and of the reference, by seed.
        share: Of the reference's final value; seeds in which that is 0 are left out.
    """
    known = [(ours, ours.epoch_of(share * theirs.final)) for ours, theirs in points if theirs.final > 0]
    return [(epoch, ours.seconds_at(epoch)) for ours, epoch in known]
