"""Boxes from coverage."""

from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.uav.target import Patch, Target

COVERAGE = 0.1
"""A box is drawn around the pixels that a target covers by more than this share of their area and exposure."""
VISIBLE = 0.25
"""Targets of which less is seen, behind things or beyond the picture's border, are regions to be ignored."""
FAINT = 0.04
"""Targets whose light differs from what is behind them by less than this share of it are to be ignored, too."""
_HIDDEN = 0.02
"""Targets of which less is seen are no regions at all."""


@dataclass(frozen=True)
class Sight:
    """A target in one picture.

    Args:
        track: Its number in the sequence.
        category: Its name.
        box: x, y, width, height in px; whole numbers within the picture.
        visible: Share of it that is seen, 0..1: inside the picture and before everything else.
        distance: m.
        contrast: Mean difference from what is behind it, as a share of that (Weber).
    """

    track: int
    category: str
    box: tuple[int, int, int, int]
    visible: float
    distance: float
    contrast: float

    @property
    def ignored(self) -> bool:
        """Too much of it is hidden, or it is too faint."""
        return self.visible < VISIBLE or self.contrast < FAINT


def sight_of(target: Target, patch: Patch, seen: np.ndarray, contrast: float, size: tuple[int, int]) -> Sight | None:
    """What is known of a target; None if no pixel of the picture sees enough of it.

    Args:
        target: What.
        patch: Its coverage with nothing before it.
        seen: (h, w) coverage with what is before it.
        contrast: See :class:`Sight`.
        size: Width and height of the picture.
    """
    rows, columns = inside(patch, size)
    shown = seen[rows, columns]
    place = np.argwhere(shown > COVERAGE)
    visible = float(shown.sum() / max(patch.coverage.sum(), 1e-9))
    if not len(place) or visible < _HIDDEN:
        return None
    (top, left), (bottom, right) = place.min(0), place.max(0)
    corner = patch.left + columns.start + left, patch.top + rows.start + top
    box = (int(corner[0]), int(corner[1]), int(right - left + 1), int(bottom - top + 1))
    return Sight(target.track, target.body.category, box, visible, patch.distance, contrast)


def inside(patch: Patch, size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a patch that lie in a picture of ``size`` (width, height)."""
    height, width = patch.coverage.shape
    rows = slice(max(-patch.top, 0), min(size[1] - patch.top, height))
    return rows, slice(max(-patch.left, 0), min(size[0] - patch.left, width))
