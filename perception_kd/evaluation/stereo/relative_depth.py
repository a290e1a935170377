"""How well a monocular net orders a scene: its relative inverse depth against disparity, scale and offset left open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from mmengine.evaluator import BaseMetric
from numpy.typing import NDArray

from perception_kd.registry import METRICS

FACTOR = 1.25


class RelativeDepthErrors(NamedTuple):
    """Of one picture.

    Attributes:
        correlation: Pearson's, of prediction and disparity; 1 is perfect, a constant prediction has 0.
        delta: Share of pixels in percent whose fitted disparity is within a factor of 1.25 of the truth.
    """

    correlation: float
    delta: float


def relative_depth_errors(predicted: NDArray, truth: NDArray, valid: NDArray) -> RelativeDepthErrors | None:
    """Compare maps ``(H, W)`` after the fit ``min sum (s m + t - d)^2`` over the valid pixels.

    Args:
        predicted: Relative inverse depth m; where it is not finite the pixel is beyond the factor.
        truth: Disparity d px, positive where valid.
        valid: bool.

    Returns:
        None where fewer than three pixels are valid.
    """
    predicted, truth = (values[valid].astype(np.float64) for values in (predicted, truth))
    known = np.isfinite(predicted)
    if known.sum() < 3:
        return None
    m, d = predicted[known], truth[known]
    m, offset = m - m.mean(), d.mean()
    spread = np.sqrt((m ** 2).sum() * ((d - offset) ** 2).sum())
    product = (m * (d - offset)).sum()
    fitted = offset + m * product / max((m ** 2).sum(), np.finfo(float).tiny)
    within = (fitted > 0) & (np.maximum(fitted, 1e-9) < FACTOR * d) & (d < FACTOR * fitted)
    return RelativeDepthErrors(float(product / spread) if spread > 0 else 0.0, 100 * float(within.sum()) / truth.size)


@METRICS.register_module()
class RelativeDepthMetric(BaseMetric):
    """Means over pictures of correlation and delta (see :class:`RelativeDepthErrors`) of ``MonoEstimator``.

    Args:
        prefix, collect_device: As in mmengine.
    """

    def __init__(self, *, prefix: str | None = 'mono', collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Measure a batch of ``StereoDataSample`` with ``pred_inverse_depth``, ``gt_disp`` and ``gt_valid``."""
        for sample in data_samples:
            maps = (sample[name].cpu().numpy() for name in ('pred_inverse_depth', 'gt_disp', 'gt_valid'))
            self.results.append(relative_depth_errors(*maps))

    def compute_metrics(self, results: list[RelativeDepthErrors | None]) -> dict[str, float]:
        """``correlation`` and ``delta-1.25`` in percent; NaN where no picture has truth."""
        found = [errors for errors in results if errors is not None]
        correlation, delta = np.mean(found, axis=0) if found else (np.nan, np.nan)
        return {'correlation': float(correlation), f'delta-{FACTOR:g}': float(delta)}
