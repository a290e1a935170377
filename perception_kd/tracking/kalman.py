"""Where a box is in the next frame: a Kalman filter of constant velocity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Standard deviations as shares of the box's side (SORT, Bewley et al., ICIP 2016; weights as in DeepSORT) and the
# least in px: a share alone says of a box of 5 px that it cannot start to move by 12.
MEASURED, LEAST_MEASURED = 1 / 20, 1.0
DRIFT, LEAST_DRIFT = 1 / 160, 0.25
START, LEAST_START = 1 / 4, 10.0


class BoxFilter:
    """Centre, width and height of one box with their velocities, px and px per frame.

    The usual 8-state filter takes the four numbers apart from each other, so this is four filters of two states.

    Args:
        box: ``(4,)`` xyxy px, the first that was seen.
    """

    def __init__(self, box: NDArray) -> None:
        self.place = _centre_and_size(box)
        self.velocity = np.zeros(4)
        self.covariance = np.zeros((4, 2, 2))
        side = self._side
        self.covariance[:, 0, 0] = max(MEASURED * side, LEAST_MEASURED)**2
        self.covariance[:2, 1, 1] = max(START * side, LEAST_START)**2
        self.covariance[2:, 1, 1] = max(DRIFT * side, LEAST_DRIFT)**2

    @property
    def box(self) -> NDArray:
        """``(4,)`` xyxy px, 1 px large at least."""
        half = np.maximum(self.place[2:], 1) / 2
        return np.concatenate([self.place[:2] - half, self.place[:2] + half])

    @property
    def _side(self) -> float:
        return float(np.sqrt(np.prod(np.maximum(self.place[2:], 1))))

    def predict(self, *, seen: bool = True) -> None:
        """One frame on.

        Args:
            seen: Whether the last frame had a box: a size that is not seen stays.
        """
        if not seen:
            self.velocity[2:] = 0
        self.place = self.place + self.velocity
        step = np.array([[1.0, 1.0], [0.0, 1.0]])
        place, velocity = max(MEASURED * self._side, LEAST_MEASURED), max(DRIFT * self._side, LEAST_DRIFT)
        self.covariance = step @ self.covariance @ step.T + np.diag([place**2, velocity**2])

    def correct(self, box: NDArray) -> None:
        """Take in what was seen, ``(4,)`` xyxy px."""
        noise = max(MEASURED * self._side, LEAST_MEASURED)**2
        gain = self.covariance[:, :, 0] / (self.covariance[:, 0, 0] + noise)[:, None]
        surprise = _centre_and_size(box) - self.place
        self.place = self.place + gain[:, 0] * surprise
        self.velocity = self.velocity + gain[:, 1] * surprise
        self.covariance = self.covariance - gain[:, :, None] * self.covariance[:, None, 0, :]

    def shift(self, offset: NDArray) -> None:
        """Move by ``(dx, dy)`` px, as the picture does when the camera turns."""
        self.place[:2] += offset


def _centre_and_size(box: NDArray) -> NDArray:
    return np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])
