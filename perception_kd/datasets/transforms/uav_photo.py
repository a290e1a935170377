"""Colours, blur and compression of pictures of drones; boxes stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.registry import TRANSFORMS

_LEVELS = np.arange(256, dtype=np.float32)


@TRANSFORMS.register_module()
class HSVJitter(BaseTransform):
    """Turn the hue and scale saturation and value; YOLOv5's strengths.

    Args:
        hue: Greatest turn of the colour circle, of 1.
        saturation, value: Factors are drawn from 1 - so much to 1 + so much.

    Raises:
        ValueError: a strength that is none.
    """

    def __init__(self, *, hue: float = 0.015, saturation: float = 0.7, value: float = 0.4) -> None:
        if not (0 <= hue <= 0.5 and 0 <= saturation <= 1 and 0 <= value <= 1):
            raise ValueError(f'hue lies in 0..0.5, saturation and value in 0..1, got {hue}, {saturation} and {value}')
        self.strengths = np.array([hue, saturation, value])

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``img``, BGR."""
        turn, saturation, value = np.random.uniform(-1, 1, 3) * self.strengths
        # OpenCV's full-range HSV, where the circle has 256 steps.
        tables = [(_LEVELS + round(256 * turn)) % 256, (1 + saturation) * _LEVELS, (1 + value) * _LEVELS]
        table = np.stack([np.clip(one.round(), 0, 255) for one in tables], axis=1).astype(np.uint8)[:, None]
        hsv = cv2.cvtColor(results['img'], cv2.COLOR_BGR2HSV_FULL)
        results['img'] = cv2.cvtColor(cv2.LUT(hsv, table), cv2.COLOR_HSV2BGR_FULL)
        return results


@TRANSFORMS.register_module()
class LightDegradation(BaseTransform):
    """Now and then blur, grey, local contrast or compression, as YOLOv5 has them from Albumentations.

    Kernels are small: a drone of few pixels must outlive them.

    Args:
        blur, median, grey, clahe, jpeg: Chance of each.
        kernel: Side of the two blurs, px, odd.
        clip: Contrast limit of CLAHE (Zuiderveld 1994), over 8x8 tiles of the lightness.
        quality: Least and greatest quality of the compression, of 100.

    Raises:
        ValueError: a chance, a kernel or a quality that is none.
    """

    def __init__(self, *, blur: float = 0.01, median: float = 0.01, grey: float = 0.01, clahe: float = 0.01,
                 jpeg: float = 0.05, kernel: int = 3, clip: float = 4.0, quality: Sequence[int] = (50, 95)) -> None:
        self.chances = {blur_picture: blur, median_picture: median, grey_picture: grey, equalise: clahe, compress: jpeg}
        if not all(0 <= chance <= 1 for chance in self.chances.values()):
            raise ValueError(f'chances lie in 0..1, got {", ".join(map(str, self.chances.values()))}')
        if kernel < 1 or kernel % 2 == 0 or not 1 <= quality[0] <= quality[1] <= 100:
            raise ValueError(f'kernel is odd and quality (least, greatest) of 1..100, got {kernel} and {quality}')
        self.kernel, self.clip, self.quality = kernel, clip, tuple(quality)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``img``, BGR."""
        amounts = {blur_picture: self.kernel, median_picture: self.kernel, equalise: self.clip}
        for change, chance in self.chances.items():
            if np.random.rand() >= chance:
                continue
            if change is compress:
                amounts[compress] = int(np.random.randint(self.quality[0], self.quality[1] + 1))
            results['img'] = change(results['img'], *([amounts[change]] if change in amounts else []))
        return results


def blur_picture(picture: np.ndarray, kernel: int) -> np.ndarray:
    """Mean over squares of ``kernel`` px."""
    return cv2.blur(picture, (kernel, kernel))


def median_picture(picture: np.ndarray, kernel: int) -> np.ndarray:
    """Median over squares of ``kernel`` px."""
    return cv2.medianBlur(picture, kernel)


def grey_picture(picture: np.ndarray) -> np.ndarray:
    """Three equal channels of the luma of a BGR picture."""
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def equalise(picture: np.ndarray, clip: float) -> np.ndarray:
    """Local contrast of the lightness (L of CIE Lab) of a BGR picture, limited by ``clip``."""
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(clip, (8, 8)).apply(np.ascontiguousarray(lab[..., 0]))
    return cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)


def compress(picture: np.ndarray, quality: int) -> np.ndarray:
    """What a JPEG of ``quality`` leaves of a picture."""
    return cv2.imdecode(cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
