"""Slowing down, waiting and going on: speed as a share of the full speed."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pace:
    """The share of full speed over time; between knots it changes evenly, before and after them not at all.

    Args:
        times: Knots in s, growing.
        shares: Share of the full speed at each knot; 0 stands still.
    """

    times: tuple[float, ...] = (0.0,)
    shares: tuple[float, ...] = (1.0,)

    def share(self, time: np.ndarray | float) -> np.ndarray:
        """Share (...) of the full speed at ``time`` (...)."""
        return np.interp(time, self.times, self.shares)

    def covered(self, time: np.ndarray | float) -> np.ndarray:
        """Seconds (...) at full speed that reach as far as the way from time 0 to ``time`` (...)."""
        return self._integral(np.asarray(time, float)) - self._integral(np.zeros(()))

    def _integral(self, time: np.ndarray) -> np.ndarray:
        """Integral of the share from the first knot, negative before it."""
        if len(self.times) == 1:
            return (time - self.times[0]) * self.shares[0]
        times, shares = np.array(self.times), np.array(self.shares)
        at_knots = np.concatenate([[0.0], np.cumsum(np.diff(times) * (shares[1:] + shares[:-1]) / 2)])
        before = np.clip(np.searchsorted(times, time, 'right') - 1, 0, None)
        return at_knots[before] + (time - times[before]) * (shares[before] + self.share(time)) / 2


STEADY = Pace()
STANDING = Pace((0.0,), (0.0,))


def stopping(begin: float, brake: float, wait: float, start: float) -> Pace:
    """Full speed until ``begin``, ``brake`` s to a stand, ``wait`` s there, ``start`` s back to full speed."""
    stand = begin + brake
    return Pace((begin, stand, stand + wait, stand + wait + start), (1.0, 0.0, 0.0, 1.0))


def slowing(begin: float, brake: float, hold: float, start: float, share: float) -> Pace:
    """As ``stopping``, but down to a share of the full speed."""
    low = begin + brake
    return Pace((begin, low, low + hold, low + hold + start), (1.0, share, share, 1.0))
