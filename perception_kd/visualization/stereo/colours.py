"""Colours of disparity and of its errors. Both maps keep their order for colour-blind readers and in grey print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import matplotlib
import numpy as np
from matplotlib.colors import ListedColormap, Normalize
from numpy.typing import NDArray

from perception_kd.visualization.scales import Scale

Picture = NDArray[np.uint8]
Disparity = NDArray[np.floating]
DISPARITY_MAP = 'viridis'
"""Matplotlib's: far is dark and blue, near is bright and yellow."""
NO_PREDICTION = (178, 178, 182)
"""RGB of pixels without a finite disparity: grey, which is no colour of the map."""
NO_TRUTH = (34, 34, 38)
"""RGB of pixels where nothing is known of the error."""
OCCLUDED_SHADE = 0.55
"""What is left of a colour where the right picture does not see the point."""
BAD = 2.0
"""Error in px where the blue half of the error colours ends; that of the headline BP-2."""
_STEPS = np.array([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16])
# ColorBrewer's RdYlBu with ten classes (Cynthia Brewer), as KITTI 2015 draws errors: blue is right, red is wrong.
_ERROR_COLOURS = np.array([(49, 54, 149), (69, 117, 180), (116, 173, 209), (171, 217, 233), (224, 243, 248),
                           (254, 224, 144), (253, 174, 97), (244, 109, 67), (215, 48, 39), (165, 0, 38)], np.uint8)
_SHADED = (_ERROR_COLOURS * OCCLUDED_SHADE).astype(np.uint8)
OCCLUDED_BAD = tuple(_SHADED[-1])
"""RGB of the largest errors there."""
_SPARSE = 0.35  # of all pixels; truth of fewer is drawn with larger dots


def disparity_limits(disparities: Sequence[Disparity]) -> tuple[float, float]:
    """Disparities (px) of the first and last colour, for all maps alike: 1st and 99th percentile."""
    known = np.concatenate([np.asarray(one, np.float64)[np.isfinite(one)] for one in disparities])
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, [1, 99])
    return float(low), float(max(high, low + 1))


def colour_disparity(disparity: Disparity, limits: tuple[float, float] | None = None) -> Picture:
    """Picture (H, W, 3), RGB, of a map (H, W) in px.

    Args:
        disparity: NaN and infinity are drawn grey.
        limits: Disparities of the first and last colour; None: ``disparity_limits`` of this map.
    """
    low, high = limits or disparity_limits([disparity])
    known = np.isfinite(disparity)
    level = np.clip((np.where(known, disparity, low) - low) / max(high - low, 1e-6), 0, 1)
    table = np.round(matplotlib.colormaps[DISPARITY_MAP](np.linspace(0, 1, 256))[:, :3] * 255).astype(np.uint8)
    picture = table[np.round(level * 255).astype(np.uint8)]
    picture[~known] = NO_PREDICTION
    return picture


def disparity_scale(limits: tuple[float, float]) -> Scale:
    """What the colours of :func:`colour_disparity` mean, for a key."""
    ticks = tuple(round(float(value), 0 if limits[1] - limits[0] > 8 else 1) for value in np.linspace(*limits, 5))
    return Scale('disparity', matplotlib.colormaps[DISPARITY_MAP], Normalize(*limits, clip=True), ticks, 'px')


def colour_errors(predicted: Disparity, truth: Disparity, valid: NDArray[np.bool_], *,
                  noc: NDArray[np.bool_] | None = None, bad: float = BAD) -> Picture:
    """Picture (H, W, 3), RGB, of ``|predicted - truth|`` in steps that double, blue below ``bad`` and red above.

    Args:
        predicted, truth: (H, W) px; what is not predicted has the last colour.
        valid: (H, W), where the truth is known.
        noc: (H, W), seen by both cameras; other pixels are darker. None: not known.
        bad: px.
    """
    error = np.abs(np.where(np.isfinite(predicted), predicted, np.inf) - np.where(valid, truth, 0))
    step = 1 + np.searchsorted(bad * _STEPS, error, side='left')
    if noc is not None:
        step = np.where(noc, step, step + len(_ERROR_COLOURS))
    step = np.where(valid, step, 0).astype(np.uint8)
    if 0 < valid.mean() < _SPARSE:  # single pixels of a LiDAR grow over neighbours without truth, the worst one first
        step = np.where(valid, step, cv2.dilate(step, np.ones((3, 3), np.uint8)))
    return np.concatenate([np.array([NO_TRUTH], np.uint8), _ERROR_COLOURS, _SHADED])[step]


class _Steps(Normalize):
    """Each step of the error colours takes the same part of the bar."""

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__(bounds[0], bounds[-1])
        self.bounds = bounds

    def __call__(self, value: Any, clip: bool | None = None) -> Any:
        """Place of a value in 0..1."""
        return np.interp(value, self.bounds, np.linspace(0, 1, len(self.bounds)))


def error_scale(bad: float = BAD) -> Scale:
    """What the colours of :func:`colour_errors` mean, for a key."""
    bounds = (0.0, *(bad * _STEPS), 2 * bad * _STEPS[-1])
    ticks = (0.0, bad / 4, bad, 4 * bad, 16 * bad)
    return Scale('error', ListedColormap(_ERROR_COLOURS / 255.0), _Steps(bounds), ticks, 'px', (False, True))
