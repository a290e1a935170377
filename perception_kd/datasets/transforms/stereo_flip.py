"""Mirroring a stereo pair."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.registry import TRANSFORMS

_SIDED = (('left', 'right'), ('disp', 'disp_right'), ('valid', 'valid_right'), ('noc', 'noc_right'))


@TRANSFORMS.register_module()
class StereoFlip(BaseTransform):
    """Mirror both pictures, upside down or sideways.

    Sideways, the cameras change places: the mirrored right picture is the new left one, and the truth of the right
    picture becomes the truth. Pairs without it (``LoadDisparity(right=True)``) are not mirrored sideways.

    Args:
        horizontal_prob: Chance of mirroring sideways.
        vertical_prob: Chance of turning upside down.
    """

    def __init__(self, *, horizontal_prob: float = 0.0, vertical_prob: float = 0.0) -> None:
        self.horizontal_prob, self.vertical_prob = horizontal_prob, vertical_prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces pictures and truth."""
        sideways = np.random.rand() < self.horizontal_prob
        if np.random.rand() < self.vertical_prob:
            _turn(results, np.flipud)
        if sideways and 'disp_right' in results:
            _turn(results, np.fliplr)
            for left, right in _SIDED:
                _swap(results, left, right)
            results.pop('centre', None)
        return results


def _turn(results: dict[str, Any], flip: Any) -> None:
    for key in (key for pair in _SIDED for key in pair if key in results):
        results[key] = np.ascontiguousarray(flip(results[key]))


def _swap(results: dict[str, Any], left: str, right: str) -> None:
    values = {right: results.pop(left, None), left: results.pop(right, None)}
    results.update({key: value for key, value in values.items() if value is not None})
