"""Random windows of a stereo pair: RAFT-Stereo's scaling, stretching, cropping and vertical jitter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.transforms.stereo_windows import Window, apply_window, resample_dense, resample_sparse
from perception_kd.registry import TRANSFORMS


class _RandomWindow(BaseTransform):
    """Draws a window of ``crop_size`` after scaling by 2^U(scale), stretching x and y by 2^U(-stretch, stretch)."""

    resample = staticmethod(resample_dense)

    def __init__(self, *, crop_size: Sequence[int], scale: Sequence[float], scale_prob: float, stretch: float,
                 stretch_prob: float, y_jitter: int, margin: Sequence[int]) -> None:
        if len(crop_size) != 2 or min(crop_size) < 1:
            raise ValueError(f'crop_size must be (height, width) above 0, got {tuple(crop_size)}')
        if not scale[0] <= scale[1] or stretch < 0 or y_jitter < 0 or min(margin) < 0:
            raise ValueError('scale is (lowest, highest) power of 2, stretch, y_jitter and margin are not below 0; '
                             f'got {tuple(scale)}, {stretch}, {y_jitter} and {tuple(margin)}')
        self.crop_size = (int(crop_size[0]), int(crop_size[1]))
        self.scale, self.scale_prob = tuple(scale), scale_prob
        self.stretch, self.stretch_prob, self.y_jitter, self.margin = stretch, stretch_prob, y_jitter, tuple(margin)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces pictures and truth; multiplies ``focal`` and ``doffs``."""
        apply_window(results, self._draw(results['left'].shape[:2]), self.resample)
        return results

    def _draw(self, size: tuple[int, int]) -> Window:
        scales = np.ones(2)
        if np.random.rand() < self.scale_prob:
            scales *= 2 ** np.random.uniform(*self.scale)
        if np.random.rand() < self.stretch_prob:
            scales *= 2 ** np.random.uniform(-self.stretch, self.stretch, 2)
        scales = np.maximum(scales, max(side / whole for side, whole in zip(self.crop_size, size)))
        height, width = (min(max(round(side / factor), 1), whole)
                         for side, factor, whole in zip(self.crop_size, scales, size))
        top, left = (int(np.clip(np.random.randint(-more, whole - part + more + 1), 0, whole - part))
                     for whole, part, more in zip(size, (height, width), self.margin))
        shift = round(np.random.randint(-self.y_jitter, self.y_jitter + 1) * height / self.crop_size[0])
        return Window(left=left, top=top, width=width, height=height, size=self.crop_size,
                      shift=int(np.clip(shift, -top, size[0] - height - top)))


@TRANSFORMS.register_module()
class StereoSpatialDense(_RandomWindow):
    """RAFT-Stereo's spatial augmentation for dense truth (Lipson et al., 2021), from the picture straight to the crop.

    Disparity is interpolated within surfaces and multiplied by the scale of x.

    Args:
        crop_size: (H, W) of the result.
        scale: Lowest and highest power of 2 by which x and y are scaled.
        scale_prob: Chance of it.
        stretch: Greatest power of 2 by which x and y are scaled each on its own.
        stretch_prob: Chance of it.
        y_jitter: The right picture is cut up to so many px (of the result) higher or lower, as rectification errs.

    Raises:
        ValueError: a range that is none.
    """

    def __init__(self, *, crop_size: Sequence[int], scale: Sequence[float] = (-0.2, 0.4), scale_prob: float = 1.0,
                 stretch: float = 0.2, stretch_prob: float = 0.8, y_jitter: int = 2) -> None:
        super().__init__(crop_size=crop_size, scale=scale, scale_prob=scale_prob, stretch=stretch,
                         stretch_prob=stretch_prob, y_jitter=y_jitter, margin=(0, 0))


@TRANSFORMS.register_module()
class StereoSpatialSparse(_RandomWindow):
    """RAFT-Stereo's spatial augmentation for truth with holes: known pixels are carried over, nothing is interpolated.

    Args:
        crop_size, scale, scale_prob, y_jitter: As :class:`StereoSpatialDense`.
        margin: So many rows and columns more are drawn from on either side, and cut back to the picture: the border,
            where truth is often missing, is seen as often as the middle.

    Raises:
        ValueError: a range that is none.
    """

    resample = staticmethod(resample_sparse)

    def __init__(self, *, crop_size: Sequence[int], scale: Sequence[float] = (-0.2, 0.4), scale_prob: float = 0.8,
                 y_jitter: int = 0, margin: Sequence[int] = (20, 50)) -> None:
        super().__init__(crop_size=crop_size, scale=scale, scale_prob=scale_prob, stretch=0.0, stretch_prob=0.0,
                         y_jitter=y_jitter, margin=margin)


@TRANSFORMS.register_module()
class StereoRandomCrop(_RandomWindow):
    """A random window as it is; only pictures smaller than it are scaled up to it.

    Args:
        crop_size, y_jitter: As :class:`StereoSpatialDense`.
    """

    def __init__(self, *, crop_size: Sequence[int], y_jitter: int = 0) -> None:
        super().__init__(crop_size=crop_size, scale=(0.0, 0.0), scale_prob=0.0, stretch=0.0, stretch_prob=0.0,
                         y_jitter=y_jitter, margin=(0, 0))
