"""Turning, scaling, shearing and moving a picture without losing a small target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.transforms.uav_boxes import (
    BoxRule,
    boxes_of,
    ignored_of,
    judge,
    settle,
    smallest_target,
    visible_of,
)
from perception_kd.datasets.transforms.uav_letterbox import PAD, check_size
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class TinySafeAffine(BaseTransform):
    """YOLOv5's random affine map, which there drops every box that comes out with 2 px or less: a drone of 5 px then
    is background to learn. Here the draw gives way:

    - the scale is drawn from where no target of ``min_side`` px or more comes out smaller than that;
    - of up to ``attempts`` maps the first is taken that leaves every target on the picture, else the one that loses
      the fewest. After a mosaic, whose middle is taken out, one attempt is right: most of the canvas goes anyway;
    - what becomes of targets at the border then is the rule of :class:`BoxRule`.

    Boxes after turning and shearing enclose the corners of the box before.

    Args:
        size: Side of the square that comes out, px; its middle is that of the picture before.
        degrees: Turns are drawn from - so much to so much.
        scale: Least and greatest factor.
        translate: Moves are drawn from - so much to so much of ``size``, in x and y.
        shear: Angle of the shear, degrees, in x and y.
        attempts: Maps to draw.
        min_side, min_visible: Of :class:`BoxRule`.

    Raises:
        ValueError: a range that is none.
    """

    def __init__(self, *, size: int, degrees: float = 0.0, scale: Sequence[float] = (0.75, 1.25),
                 translate: float = 0.1, shear: float = 0.0, attempts: int = 10, min_side: float = 1.0,
                 min_visible: float = 0.5) -> None:
        check_size(size)
        if not 0 < scale[0] <= scale[1] or attempts < 1:
            raise ValueError(f'scale is (least, greatest) factor and attempts at least 1, got {scale} and {attempts}')
        if min(degrees, translate, shear) < 0 or shear >= 90:
            raise ValueError(f'degrees, translate and shear are 0 or more, shear below 90, got {degrees}, {translate} '
                             f'and {shear}')
        self.size, self.degrees, self.scale, self.translate = size, degrees, tuple(scale), translate
        self.shear, self.attempts, self.rule = shear, attempts, BoxRule(min_side, min_visible)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``img`` (size, size, 3), ``img_shape``, and all about boxes."""
        boxes, window = boxes_of(results), (0, 0, self.size, self.size)
        matrix, fewest = None, np.inf
        for _ in range(self.attempts):
            draw = self._draw(results)
            lost = self._lost(results, move_boxes(boxes, draw), window)
            if lost < fewest:
                matrix, fewest = draw, lost
            if not fewest:
                break
        results['img'] = warp(results['img'], matrix, self.size)
        results.update(img_shape=(self.size, self.size), scale_factor=(1.0, 1.0))
        settle(results, move_boxes(boxes, matrix), window, self.rule)
        return results

    def _lost(self, results: dict[str, Any], boxes: np.ndarray, window: Sequence[float]) -> int:
        """Targets that would be none afterwards, of those that are large enough to begin with."""
        before = boxes_of(results)
        sides = np.minimum(before[:, 2] - before[:, 0], before[:, 3] - before[:, 1])
        targets = ~ignored_of(results) & (sides >= self.rule.min_side)
        return int((targets & ~judge(boxes, window, visible_of(results), self.rule)[2]).sum())

    def _draw(self, results: dict[str, Any]) -> np.ndarray:
        """A map (2, 3) of px onto px."""
        low, high = self.scale
        bound = self.rule.min_side / smallest_target(results, self.rule.min_side)
        scale = np.random.uniform(min(max(low, bound), high), high)
        angle = np.deg2rad(np.random.uniform(-self.degrees, self.degrees))
        lean = np.tan(np.deg2rad(np.random.uniform(-self.shear, self.shear, 2)))
        middle = self.size * (0.5 + np.random.uniform(-self.translate, self.translate, 2))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = scale * np.array([[1, lean[0]], [lean[1], 1]]) @ turn
        height, width = results['img'].shape[:2]
        return np.column_stack([linear, middle - linear @ (width / 2, height / 2)])


def move_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) around the corners of boxes (N, 4) after the map (2, 3)."""
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2) @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def warp(picture: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The picture (H, W, 3) after a map (2, 3) of edges of pixels, cut to ``size`` px; grey where there was nothing."""
    # OpenCV's coordinates are of the middles of pixels.
    shift = matrix[:, 2] + matrix[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(picture, np.column_stack([matrix[:, :2], shift]), (size, size), flags=cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_CONSTANT, borderValue=(PAD,) * 3)
