"""Tiles of large pictures to train on, around targets and beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.transforms.uav_boxes import BoxRule, boxes_of, ignored_of, settle
from perception_kd.datasets.transforms.uav_letterbox import check_size
from perception_kd.datasets.transforms.uav_paste import touches
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SliceCrop(BaseTransform):
    """Cut a tile out of a picture at full resolution (slicing-aided fine-tuning, Akyon et al. 2022).

    Either a tile that holds one of the targets whole, wherever in it, or one that no box reaches into. Other targets
    in the tile follow the rule of :class:`BoxRule`. Where a picture is so full that no empty tile is found, the tile
    holds a target; where it has none, the tile lies anywhere; a picture smaller than the tile stays whole.

    Args:
        size: Side of the tile, px.
        background: Share of tiles, of pictures with targets, without any.
        attempts: Empty tiles to look for.
        min_side, min_visible: Of :class:`BoxRule`.

    Raises:
        ValueError: a size, share or number that is none.
    """

    def __init__(self, *, size: int = 640, background: float = 0.5, attempts: int = 10, min_side: float = 1.0,
                 min_visible: float = 0.5) -> None:
        check_size(size)
        if not 0 <= background <= 1 or attempts < 1:
            raise ValueError(f'background is a share of 1 and attempts at least 1, got {background} and {attempts}')
        self.size, self.background, self.attempts = size, background, attempts
        self.rule = BoxRule(min_side, min_visible)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``img``, ``img_shape`` and all about boxes."""
        height, width = results['img'].shape[:2]
        side = np.minimum((width, height), self.size)
        empty = np.random.rand() < self.background
        corner = self._beside(results, side) if empty else None
        x, y = self._around(results, side) if corner is None else corner
        results['img'] = np.ascontiguousarray(results['img'][y:y + side[1], x:x + side[0]])
        results['img_shape'] = results['img'].shape[:2]
        settle(results, boxes_of(results) - np.tile((x, y), 2), (0, 0, *side), self.rule)
        return results

    def _around(self, results: dict[str, Any], side: np.ndarray) -> np.ndarray:
        """Corner of a tile of ``side`` (x, y) with a target, whole if it fits."""
        boxes, last = boxes_of(results)[~ignored_of(results)], _last(results, side)
        if not len(boxes):
            return np.random.randint(last + 1)
        box = boxes[np.random.randint(len(boxes))]
        low = np.clip(np.ceil(box[2:]) - side, 0, last)
        high = np.clip(np.floor(box[:2]), 0, last)
        middle = np.clip(np.round((box[:2] + box[2:] - side) / 2), 0, last)
        fits = low <= high
        low, high = np.where(fits, low, middle).astype(int), np.where(fits, high, middle).astype(int)
        return np.random.randint(low, high + 1)

    def _beside(self, results: dict[str, Any], side: np.ndarray) -> np.ndarray | None:
        """Corner of a tile that no box reaches into; None where none is found."""
        for _ in range(self.attempts):
            corner = np.random.randint(_last(results, side) + 1)
            if not touches(boxes_of(results), (*corner, *(corner + side))):
                return corner
        return None


def _last(results: dict[str, Any], side: np.ndarray) -> np.ndarray:
    height, width = results['img'].shape[:2]
    return np.array([width, height]) - side
