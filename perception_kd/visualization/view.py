"""What of the ground a picture shows, and which way is up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.boxes import Boxes, in_frame
from perception_kd.visualization.frame import Frame

FARTHEST = 1000.0
"""Metres; rings and marks of a larger picture would be too many to draw, and to see."""


@dataclass(frozen=True)
class View:
    """What of the ground is shown, in metres from the vehicle.

    Args:
        front, back, side: How far ahead, behind, and to either side; up to ``FARTHEST``.

    Raises:
        ValueError: a distance that is negative, too large or not finite, or nothing ahead or aside.
    """

    front: float
    back: float
    side: float

    def __post_init__(self) -> None:
        if not (0 < self.front <= FARTHEST and 0 < self.side <= FARTHEST and 0 <= self.back <= FARTHEST):
            raise ValueError(f'range: front and side must be positive, back at least 0, all at most {FARTHEST:g} m, '
                             f'got front {self.front:g}, back {self.back:g}, side {self.side:g}')

    @property
    def aspect(self) -> float:
        """Height over width."""
        return (self.front + self.back) / (2 * self.side)

    def holds(self, ego: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(N,) whether points (N, 2+) of the vehicle's frame are shown."""
        ahead = (ego[:, 0] <= self.front) & (ego[:, 0] >= -self.back)
        return ahead & (np.abs(ego[:, 1]) <= self.side)


def to_view(ego: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 2+) of the vehicle's frame (x forward, y left) -> (..., 2) of the picture (right, up)."""
    return np.stack([-ego[..., 1], ego[..., 0]], axis=-1)


def widest(views: Sequence[View]) -> View:
    """The smallest view that holds all of ``views``."""
    return View(*(max(getattr(view, name) for view in views) for name in ('front', 'back', 'side')))


def squared(view: View) -> View:
    """Widen or lengthen a view to a square, as much ahead as behind."""
    tall, wide = view.front + view.back, 2 * view.side
    more = max(0.0, (wide - tall) / 2)
    reach = (min(number, FARTHEST) for number in (view.front + more, view.back + more, max(wide, tall) / 2))
    return View(*reach)


def close_up(view: View) -> View:
    """The inner half of a view."""
    return View(view.front / 2, view.back / 2, view.side / 2)


def fit_view(frame: Frame, boxes: Boxes) -> View:
    """A view that shows all of ``boxes``: all round, or only ahead for a rig without a camera to the back."""
    all_round = any('BACK' in camera.name for camera in frame.cameras) or not frame.cameras
    if not len(boxes):
        return View(50.0, 50.0, 50.0) if all_round else View(50.0, 5.0, 25.0)
    ego = in_frame(boxes, frame.lidar2ego).reshape(-1, 3)
    ahead, aside = ego[:, 0], np.abs(ego[:, 1]).max()
    back = _reach(-ahead.min(), 15) if all_round else 5.0
    return View(front=_reach(ahead.max(), 25), back=back, side=_reach(aside, 20))


def _reach(farthest: float, least: float) -> float:
    """The next 5 m beyond a corner of a box, as far as a view reaches."""
    return float(np.clip(np.ceil((farthest + 0.5) / 5) * 5, least, FARTHEST))
