"""Boxes that no picture can hold, and boxes that reach over its edge."""

from __future__ import annotations

import math
from collections.abc import Sequence

from perception_kd.datasets.uav.records import Numbers

NO_NUMBER = 'boxes left out: a value that is no finite number'
NO_AREA = 'boxes left out: width or height is not above 0'
OUTSIDE = 'boxes left out: outside of the picture'
CLIPPED = 'boxes clipped to the picture'
LEAST_TARGET = 1.0
"""px of the original picture; a box that is less wide or high is ignored, in training and in scores."""
_DIGITS = 3
_LEAST = 10.0 ** -_DIGITS
"""px; what is left of a clipped box is at least so wide and high."""
_NOTICED = 0.5
"""px; files round, so that less than this over the edge is not counted."""


def clean_box(xywh: Sequence[float], size: tuple[int, int]) -> tuple[Numbers | None, str]:
    """A box inside of its picture.

    Args:
        xywh: Left, top, width, height, px.
        size: Width and height of the picture, px.

    Returns:
        The box, rounded to a thousandth of a pixel, or None; and what was wrong with it, or an empty string.
    """
    left, top, width, height = xywh
    right, bottom = left + width, top + height
    if not all(math.isfinite(value) for value in (left, top, width, height, right, bottom)):
        return None, NO_NUMBER
    if not (width > 0 and height > 0):
        return None, NO_AREA
    whole = (left, top, right, bottom)
    most = (size[0], size[1], size[0], size[1])
    kept = [round(min(max(value, 0.0), float(limit)), _DIGITS) for value, limit in zip(whole, most)]
    inside = (kept[0], kept[1], round(kept[2] - kept[0], _DIGITS), round(kept[3] - kept[1], _DIGITS))
    if min(inside[2:]) < _LEAST:
        # What is thinner than the digits kept, but lies inside, is as good as no area.
        beyond = any(abs(before - after) > _LEAST for before, after in zip(whole, kept))
        return None, OUTSIDE if beyond else NO_AREA
    moved = max(abs(before - after) for before, after in zip(whole, kept))
    return inside, CLIPPED if moved > _NOTICED else ''


def scaled(xywh: Sequence[float], size: tuple[int, int]) -> Numbers:
    """Shares of a picture's width and height as px."""
    return (xywh[0] * size[0], xywh[1] * size[1], xywh[2] * size[0], xywh[3] * size[1])
