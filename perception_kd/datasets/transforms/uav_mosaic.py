"""Four pictures on one canvas."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.transforms.uav_boxes import (
    BoxRule,
    boxes_of,
    ignored_of,
    labels_of,
    put_boxes,
    settle,
)
from perception_kd.datasets.transforms.uav_letterbox import PAD, check_size, fit_picture
from perception_kd.registry import TRANSFORMS

_BOX_KEYS = ('gt_bboxes_labels', 'gt_ignore_flags', 'gt_visible')


@TRANSFORMS.register_module()
class Mosaic(BaseTransform):
    """Four pictures around a point of a canvas of twice their size (YOLOv4, Bochkovskiy et al. 2020; YOLOv5).

    The point is drawn from the middle half of the canvas; each picture, scaled to ``size``, touches it with a corner.
    What reaches over the canvas is cut off. :class:`TinySafeAffine` takes the middle out of the canvas afterwards.
    mmdet's twin keeps slivers of boxes at the cut as targets; here the rule of :class:`BoxRule` holds.

    Args:
        size: Longer side of each picture, px.
        centre: Where the point is drawn from, in parts of the canvas.
        min_side, min_visible: Of :class:`BoxRule`.

    Raises:
        ValueError: a size or a range that is none.
    """

    def __init__(self, *, size: int, centre: tuple[float, float] = (0.25, 0.75), min_side: float = 1.0,
                 min_visible: float = 0.5) -> None:
        check_size(size)
        if not 0 < centre[0] <= centre[1] < 1:
            raise ValueError(f'centre is (least, greatest) part of the canvas, within 0..1, got {centre}')
        self.size, self.centre, self.rule = size, tuple(centre), BoxRule(min_side, min_visible)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``img`` (2 size, 2 size, 3) and all about boxes; three more samples come from ``other``."""
        samples = [results, *(results['other']() for _ in range(3))]
        canvas = np.full((2 * self.size, 2 * self.size, 3), PAD, np.uint8)
        point = [round(2 * self.size * np.random.uniform(*self.centre)) for _ in range(2)]
        for place, sample in enumerate(samples):
            self._put(canvas, sample, point, place)
        put_boxes(results, np.concatenate([boxes_of(sample) for sample in samples]))
        for key in _BOX_KEYS:
            results[key] = np.concatenate([sample[key] for sample in samples])
        results['left_picture'] = sum(sample['left_picture'] for sample in samples)
        results.update(img=canvas, img_shape=canvas.shape[:2], scale_factor=(1.0, 1.0))
        return results

    def _put(self, canvas: np.ndarray, sample: dict[str, Any], point: list[int], place: int) -> None:
        """Draw a sample's picture beside the point, and move its boxes onto the canvas."""
        picture, scale = fit_picture(sample['img'], self.size)
        height, width = picture.shape[:2]
        left = point[0] - (width if place % 2 == 0 else 0)
        top = point[1] - (height if place < 2 else 0)
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + width, 2 * self.size), min(top + height, 2 * self.size)
        canvas[y1:y2, x1:x2] = picture[y1 - top:y2 - top, x1 - left:x2 - left]
        sample['gt_bboxes_labels'], sample['gt_ignore_flags'] = labels_of(sample), ignored_of(sample)
        settle(sample, boxes_of(sample) * np.tile(scale, 2) + np.tile((left, top), 2), (x1, y1, x2, y2), self.rule)
