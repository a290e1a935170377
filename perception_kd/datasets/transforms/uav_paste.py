"""Targets cut out of pictures and pasted on background: more drones at more places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.transforms.uav_boxes import (
    boxes_of,
    cut,
    ignored_of,
    labels_of,
    put_boxes,
    visible_of,
)
from perception_kd.registry import TRANSFORMS

LEAST_CONTRAST = 16  # levels between a target and its surroundings; fainter ones are not multiplied
_KEPT_CONTRAST = 0.5  # part of a target's contrast that must be left where it is pasted


@dataclass(frozen=True)
class Patch:
    """A target with what is around it.

    Args:
        pixels: uint8 (h, w, 3).
        weight: float32 (h, w): 1 over the target, falling to 0 towards the border.
        box: (4,) px of the patch.
        label: Of the target.
        visible: Share of the target that can be seen.
    """

    pixels: np.ndarray
    weight: np.ndarray
    box: np.ndarray
    label: int
    visible: float


@TRANSFORMS.register_module()
class CopyPasteTargets(BaseTransform):
    """Paste targets of the same or another picture where there is none (for small targets: Kisantal et al. 2019).

    A target is pasted whole, with its surroundings fading into the new background, and never on or beside a box that
    is there, ignored ones included. Its brightness moves with that of the background; where it would vanish it
    is not pasted.
    Targets with another box in their surroundings, or closer to the border than these reach, are not taken.

    Args:
        prob: Share of pictures that get some.
        most: From 1 to so many are tried.
        own: Chance that they are of the picture itself instead of another one.
        scale: Least and greatest factor on their size, besides that of the pictures' sizes.
        margin: Surroundings on each side, parts of the target's longer side; at least 3 px.
        match: Move the brightness.
        tries: Places to try for each.
        min_side: Least side of what is taken and pasted, px.

    Raises:
        ValueError: a chance, a number or a range that is none.
    """

    def __init__(self, *, prob: float = 0.5, most: int = 3, own: float = 0.3, scale: Sequence[float] = (0.5, 1.5),
                 margin: float = 0.3, match: bool = True, tries: int = 20, min_side: float = 2.0) -> None:
        if not (0 <= prob <= 1 and 0 <= own <= 1 and most >= 1 and tries >= 1):
            raise ValueError(f'prob and own lie in 0..1, most and tries are at least 1, got {prob}, {own}, {most}, '
                             f'{tries}')
        if not 0 < scale[0] <= scale[1] or margin < 0 or min_side <= 0:
            raise ValueError(f'scale is (least, greatest) factor, margin 0 or more, min_side above 0, got {scale}, '
                             f'{margin}, {min_side}')
        self.prob, self.most, self.own, self.scale = prob, most, own, tuple(scale)
        self.margin, self.match, self.tries, self.min_side = margin, match, tries, min_side

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``img`` and adds boxes; reads ``other``."""
        if np.random.rand() >= self.prob:
            return results
        count = np.random.randint(1, self.most + 1)
        donor = results if np.random.rand() < self.own else results['other'](with_targets=True)
        donors = self._donors(donor)
        results['img'] = results['img'].copy()
        for _ in range(count if len(donors) else 0):
            patch = self._patch(donor, int(donors[np.random.randint(len(donors))]), results['img'].shape)
            self._paste(results, patch)
        return results

    def _reach(self, box: np.ndarray) -> np.ndarray:
        """A box (4,) with its surroundings, whole px."""
        margin = max(3, round(self.margin * float(np.max(box[2:] - box[:2]))))
        return np.concatenate([np.floor(box[:2]) - margin, np.ceil(box[2:]) + margin]).astype(int)

    def _donors(self, donor: dict[str, Any]) -> np.ndarray:
        """Places of the boxes that can be taken."""
        boxes, (height, width) = boxes_of(donor), donor['img'].shape[:2]
        free = ~ignored_of(donor) & ((boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) >= self.min_side)
        for place in np.flatnonzero(free):
            reach = self._reach(boxes[place])
            inside = (reach[:2] >= 0).all() and reach[2] <= width and reach[3] <= height
            free[place] = inside and not cut(np.delete(boxes, place, axis=0), reach)[1].any()
        return np.flatnonzero(free)

    def _patch(self, donor: dict[str, Any], place: int, shape: Sequence[int]) -> Patch:
        """Take a target out, scaled for a picture of ``shape``, perhaps mirrored."""
        box = boxes_of(donor)[place]
        x1, y1, x2, y2 = self._reach(box)
        pixels, box = donor['img'][y1:y2, x1:x2], box - np.tile((x1, y1), 2)
        factor = max(shape[:2]) / max(donor['img'].shape[:2]) * np.random.uniform(*self.scale)
        factor = max(factor, self.min_side / float(np.min(box[2:] - box[:2])))
        new = [max(1, round(side * factor)) for side in pixels.shape[1::-1]]
        box = box * np.tile(np.divide(new, pixels.shape[1::-1]), 2)
        pixels = cv2.resize(pixels, new, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
        if np.random.rand() < 0.5:
            pixels, box = pixels[:, ::-1], np.array([new[0] - box[2], box[1], new[0] - box[0], box[3]])
        return Patch(pixels, feather(pixels.shape[:2], box), box, int(labels_of(donor)[place]),
                     float(visible_of(donor)[place]))

    def _paste(self, results: dict[str, Any], patch: Patch) -> None:
        """Find a place without boxes and draw there; nothing changes where none is found."""
        picture, boxes = results['img'], boxes_of(results)
        height, width = patch.weight.shape
        free = picture.shape[1] - width, picture.shape[0] - height
        for _ in range(self.tries if min(free) >= 0 else 0):
            x, y = (int(np.random.randint(space + 1)) for space in free)
            ground = picture[y:y + height, x:x + width]
            blended = None if touches(boxes, (x, y, x + width, y + height)) else self._blend(patch, ground)
            if blended is None:
                continue
            ground[:] = blended
            results['gt_ignore_flags'] = np.append(ignored_of(results), False)
            results['gt_visible'] = np.append(visible_of(results), patch.visible).astype(np.float32)
            results['gt_bboxes_labels'] = np.append(labels_of(results), patch.label)
            put_boxes(results, np.concatenate([boxes, (patch.box + np.tile((x, y), 2))[None]]))
            return

    def _blend(self, patch: Patch, ground: np.ndarray) -> np.ndarray | None:
        """The patch over the ground, both (h, w, 3); None where too little contrast is left."""
        target, ring = patch.weight == 1, patch.weight < 1
        before, under = (np.median(pixels[ring], axis=0).astype(np.float32) for pixels in (patch.pixels, ground))
        moved = patch.pixels.astype(np.float32)
        if self.match:
            moved = np.clip(moved + (under - before), 0, 255)
        contrast, left = (np.abs(pixels[target] - ground_colour).max(initial=0) for pixels, ground_colour in
                          ((patch.pixels, before), (moved, under)))
        if contrast < LEAST_CONTRAST or left < _KEPT_CONTRAST * contrast:
            return None
        weight = patch.weight[..., None]
        return np.round(weight * moved + (1 - weight) * ground).astype(np.uint8)


def feather(shape: Sequence[int], box: np.ndarray) -> np.ndarray:
    """Weights (h, w) of a patch: 1 on all pixels that the box (4,) touches, falling evenly to 0 beyond the border."""
    ramps = []
    for low, high, side in ((box[1], box[3], shape[0]), (box[0], box[2], shape[1])):
        pixel, first, last = np.arange(side, dtype=np.float32), np.floor(low), np.ceil(high) - 1
        ramps.append(np.clip(np.minimum((pixel + 1) / (first + 1), (side - pixel) / (side - last)), 0, 1))
    return np.minimum(ramps[0][:, None], ramps[1][None]).astype(np.float32)


def touches(boxes: np.ndarray, window: Sequence[float]) -> bool:
    """Whether any box (N, 4) reaches into the window (x1, y1, x2, y2); one without area may."""
    x1, y1, x2, y2 = window
    return bool(((boxes[:, 0] < x2) & (boxes[:, 2] > x1) & (boxes[:, 1] < y2) & (boxes[:, 3] > y1)).any())

