"""Cutting and resizing windows of a stereo pair.

Both pictures are cut at the same columns, so that disparity stays what it is, and resized alike, by which it is
multiplied. Scales come out of whole pixels: a window of w columns that becomes W columns scales by W / w exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

_SIDES = ('', '_right')
_AROUND = np.ones((3, 3), np.uint8)
_EDGE = 2.0  # px
_UNKNOWN = np.float32(-1e6)  # far from every disparity


@dataclass(frozen=True, kw_only=True)
class Window:
    """Where a pair is cut, px of the pictures before: columns from ``left`` on, rows from ``top`` on.

    Args:
        left, top, width, height: Of the left picture.
        shift: How many rows lower the right picture is cut.
        size: (H, W) of the result.
    """

    left: int
    top: int
    width: int
    height: int
    shift: int = 0
    size: tuple[int, int]

    @property
    def scale(self) -> tuple[float, float]:
        """Factors of x and y."""
        return self.size[1] / self.width, self.size[0] / self.height

    def cut(self, image: np.ndarray, shift: int = 0) -> np.ndarray:
        """The window of (H, W, ...), not resized."""
        top = self.top + shift
        return image[top:top + self.height, self.left:self.left + self.width]


Truth = tuple[np.ndarray, np.ndarray, list[np.ndarray]]  # disparity, what is valid, further masks
Resample = Callable[[np.ndarray, np.ndarray, list[np.ndarray], Window], Truth]


def apply_window(results: dict[str, Any], window: Window, resample: Resample) -> None:
    """Cut and resize pictures and truth of a sample in place; ``focal`` and ``doffs`` follow.

    ``centre`` is dropped: x and y may be scaled differently, so that it alone would not make a camera.

    A vertical shift of the right picture moves its own truth with it.

    Args:
        results: The sample.
        window: Where.
        resample: Resizes disparity (not yet multiplied), what is valid, and further masks.
    """
    scale_x, scale_y = window.scale
    flag = cv2.INTER_AREA if scale_x < 1 and scale_y < 1 else cv2.INTER_LINEAR
    for key, shift in (('left', 0), ('right', window.shift)):
        results[key] = resize(window.cut(results[key], shift), window.size, flag)
    for side, shift in zip(_SIDES, (0, window.shift)):
        if f'disp{side}' not in results:
            continue
        masks = [key for key in (f'noc{side}',) if key in results]
        disp, valid, *rest = (window.cut(results[key], shift) for key in (f'disp{side}', f'valid{side}', *masks))
        disp, valid, rest = resample(disp, valid, rest, window)
        results.update({f'disp{side}': disp * np.float32(scale_x), f'valid{side}': valid, **dict(zip(masks, rest))})
    results.update({key: results[key] * scale_x for key in ('focal', 'doffs') if key in results})
    results.pop('centre', None)


def resize(image: np.ndarray, size: tuple[int, int], flag: int) -> np.ndarray:
    """(H, W, ...) at ``size`` (H, W); always contiguous."""
    if image.shape[:2] == tuple(size):
        return np.ascontiguousarray(image)
    return cv2.resize(np.ascontiguousarray(image), size[::-1], interpolation=flag)


def resample_dense(disp: np.ndarray, valid: np.ndarray, masks: list[np.ndarray], window: Window) -> Truth:
    """Interpolate within a surface, take the nearest pixel at its edge: no disparity between two surfaces comes out.

    An edge is where the pixels around differ by more than 2 px, or one of them is not known.
    """
    if disp.shape == tuple(window.size):
        return disp.copy(), valid.copy(), [mask.copy() for mask in masks]
    known = np.where(valid, disp, _UNKNOWN)
    inside = cv2.dilate(known, _AROUND) - cv2.erode(known, _AROUND) <= _EDGE
    inside, valid, *masks = (resize(mask.view(np.uint8), window.size, cv2.INTER_NEAREST_EXACT).view(bool)
                             for mask in (inside, valid, *masks))
    nearest, smooth = (resize(disp, window.size, flag) for flag in (cv2.INTER_NEAREST_EXACT, cv2.INTER_LINEAR))
    return np.where(inside & valid, smooth, nearest), valid, masks


def resample_sparse(disp: np.ndarray, valid: np.ndarray, masks: list[np.ndarray], window: Window) -> Truth:
    """Carry every known pixel to the one where it comes to lie; where several do, the nearest surface stays."""
    rows, columns = np.nonzero(valid)
    order = np.argsort(disp[rows, columns], kind='stable')
    rows, columns = rows[order], columns[order]
    scale_x, scale_y = window.scale
    x = np.floor((columns + 0.5) * scale_x).astype(np.intp)
    y = np.floor((rows + 0.5) * scale_y).astype(np.intp)
    carried = []
    for values in (disp, valid, *masks):
        target = np.zeros(window.size, values.dtype)
        target[y, x] = values[rows, columns]
        carried.append(target)
    return carried[0], carried[1], carried[2:]
