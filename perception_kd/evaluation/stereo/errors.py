"""What one predicted disparity map does wrong, kept as sums: every average of every evaluator can be had from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

REGIONS = ('noc', 'all', 'occ')
"""Pixels with truth that both pictures see, all with truth, those with truth that the right picture does not see."""
THRESHOLDS = (0.5, 1.0, 2.0, 3.0)
"""Of the share of bad pixels, in px."""
D1_PIXELS, D1_SHARE = 3.0, 0.05
"""KITTI 2015: an outlier is off by more than 3 px and by more than 5 % of the true disparity."""


@dataclass(frozen=True)
class RegionErrors:
    """Sums over one region of one picture.

    Args:
        pixels: With truth, in the region and the range.
        predicted: Of these, with a finite prediction. The others count as bad.
        error: Sum of ``|d - gt|`` over the predicted ones, px.
        bad: Pixels off by more than each threshold.
        outliers: Pixels that D1 counts.
    """

    pixels: int
    predicted: int
    error: float
    bad: tuple[int, ...]
    outliers: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def region_masks(valid: NDArray[np.bool_], noc: NDArray[np.bool_] | None) -> dict[str, NDArray[np.bool_]]:
    """Pixels (H, W) of each region; only ``all`` where it is unknown what the right picture sees (``noc`` None)."""
    if noc is None:
        return {'all': valid}
    return {'noc': valid & noc, 'all': valid, 'occ': valid & ~noc}


def measure(
    predicted: NDArray[np.floating],
    truth: NDArray[np.floating],
    pixels: NDArray[np.bool_],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    max_disp: float | None = None,
    d1_share: float = D1_SHARE,
) -> RegionErrors:
    """Errors of one map over some pixels. All comparisons are strict: an error of 3 px is not above 3 px.

    Args:
        predicted: (H, W) px; NaN or infinite where nothing is predicted.
        truth: (H, W) px.
        pixels: (H, W), those that count.
        thresholds: px.
        max_disp: Only pixels whose true disparity is below count.
        d1_share: Of the true disparity, which an outlier must exceed beside 3 px.

    Raises:
        ValueError: maps of different sizes, or a truth that is not finite where it counts.
    """
    if not predicted.shape == truth.shape == pixels.shape or truth.ndim != 2:
        raise ValueError(f'disparity is {_size(predicted)} px, its truth {_size(truth)}, the mask {_size(pixels)}; '
                         'they must have one size, that of the left picture')
    counted = pixels if max_disp is None else pixels & (truth < max_disp)
    expected = truth[counted].astype(np.float64)
    if not np.isfinite(expected).all():
        raise ValueError('the true disparity is not finite at a pixel that is called valid; see how it was decoded')
    error = np.abs(predicted[counted].astype(np.float64) - expected)
    known = np.isfinite(error)
    error[~known] = np.inf
    outlier = (error > D1_PIXELS) & (error > d1_share * np.abs(expected))
    return RegionErrors(
        pixels=len(error), predicted=int(known.sum()), error=float(error[known].sum()),
        bad=tuple(int((error > threshold).sum()) for threshold in thresholds), outliers=int(outlier.sum()))


def _size(values: NDArray[Any]) -> str:
    return ' x '.join(map(str, values.shape[::-1]))
