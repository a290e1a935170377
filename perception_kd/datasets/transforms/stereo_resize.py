"""A stereo pair at another size."""

from __future__ import annotations

from typing import Any

from mmcv.transforms import BaseTransform

from perception_kd.datasets.transforms.stereo_windows import Window, apply_window, resample_dense, resample_sparse
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class StereoResize(BaseTransform):
    """The whole pair by one factor: Booster is scored at a quarter of its size.

    Args:
        scale: Factor; sides are rounded to whole px, disparity is multiplied by what x then is scaled by.

    Raises:
        ValueError: a factor not above 0.
    """

    def __init__(self, *, scale: float) -> None:
        if not scale > 0:
            raise ValueError(f'scale must be above 0, got {scale}')
        self.scale = scale

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces pictures and truth; sparse truth is carried over, not interpolated."""
        height, width = results['left'].shape[:2]
        window = Window(left=0, top=0, width=width, height=height,
                        size=tuple(max(round(side * self.scale), 1) for side in (height, width)))
        apply_window(results, window, resample_sparse if results.get('sparse') else resample_dense)
        return results
