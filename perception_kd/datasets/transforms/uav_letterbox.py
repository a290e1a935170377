"""Pictures of any size on a square of one size."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.transforms.uav_boxes import BoxRule, boxes_of, settle
from perception_kd.registry import TRANSFORMS

PAD = 114  # grey, as YOLOv5 fills what a picture leaves free


@TRANSFORMS.register_module()
class LetterBox(BaseTransform):
    """Scale a picture to fit a square, up or down, and fill what is left at the right and at the bottom with grey.

    No offset arises: a box of the square, divided by ``scale_factor``, is one of the original picture.

    Args:
        size: Side of the square, px.
        min_side, min_visible: Of :class:`BoxRule`.

    Raises:
        ValueError: a size that is none.
    """

    def __init__(self, *, size: int, min_side: float = 1.0, min_visible: float = 0.5) -> None:
        check_size(size)
        self.size, self.rule = size, BoxRule(min_side, min_visible)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``img``, ``img_shape`` (H, W), ``scale_factor`` (x, y) and the boxes, where there are any."""
        picture, scale = fit_picture(results['img'], self.size)
        height, width = picture.shape[:2]
        square = np.full((self.size, self.size, 3), PAD, np.uint8)
        square[:height, :width] = picture
        results.update(img=square, img_shape=square.shape[:2], scale_factor=scale)
        if 'gt_bboxes' in results:
            settle(results, boxes_of(results) * np.tile(scale, 2), (0, 0, width, height), self.rule)
        return results


def check_size(size: int) -> None:
    """Raises ValueError unless ``size`` is a number of pixels."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f'size is the side of a square, a whole number of pixels, got {size!r}')


def fit_picture(picture: np.ndarray, side: int) -> tuple[np.ndarray, tuple[float, float]]:
    """Scale a picture (H, W, 3) so that its longer side has ``side`` px.

    Pixels are averaged when it shrinks, so that no target falls between them.

    Returns:
        The picture, and by how much it was scaled in x and y, which differ by the rounding to whole pixels.
    """
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    new = max(1, round(width * factor)), max(1, round(height * factor))
    if new != (width, height):
        picture = cv2.resize(picture, new, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    return picture, (new[0] / width, new[1] / height)
