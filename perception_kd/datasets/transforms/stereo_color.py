"""Colours of a stereo pair: photometric jitter and the eraser of RAFT-Stereo's training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.registry import TRANSFORMS

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as the usual colour jitter has it
_LEVELS = np.arange(256, dtype=np.float32)


@TRANSFORMS.register_module()
class StereoColorJitter(BaseTransform):
    """Brightness, contrast, saturation and hue in a random order, both pictures alike or each in its own way.

    The defaults are RAFT-Stereo's for dense truth (Lipson et al., 2021); for sparse truth it has 0.3, 0.3, (0.7, 1.3),
    0.3 / pi and no asymmetry.

    Args:
        brightness, contrast: Factors are drawn from 1 - so much to 1 + so much.
        saturation: Lowest and highest factor.
        hue: Greatest turn of the colour circle, of 1.
        gamma: Lowest and highest exponent, after the rest; (1, 1): none.
        asymmetric_prob: Chance that the right picture gets draws of its own.

    Raises:
        ValueError: a range that is none.
    """

    def __init__(self, *, brightness: float = 0.4, contrast: float = 0.4, saturation: Sequence[float] = (0.6, 1.4),
                 hue: float = 0.5 / math.pi, gamma: Sequence[float] = (1.0, 1.0), asymmetric_prob: float = 0.2) -> None:
        if not (0 <= brightness <= 1 and 0 <= contrast <= 1 and 0 <= hue <= 0.5):
            raise ValueError(f'brightness and contrast lie in 0..1, hue in 0..0.5; got {brightness}, {contrast}, {hue}')
        if not (0 <= saturation[0] <= saturation[1] and 0 < gamma[0] <= gamma[1]):
            raise ValueError(f'saturation and gamma are (lowest, highest) factors, got {saturation} and {gamma}')
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, tuple(saturation), hue
        self.gamma, self.asymmetric_prob = tuple(gamma), asymmetric_prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``left`` and ``right``."""
        draw = self._draw()
        other = self._draw() if np.random.rand() < self.asymmetric_prob else None
        middle = _mean_luma(results['left']), _mean_luma(results['right'])
        if other is None:  # one mean for both, so that equal colours stay equal
            middle, other = (sum(middle) / 2,) * 2, draw
        results['left'] = jitter(results['left'], draw, middle[0])
        results['right'] = jitter(results['right'], other, middle[1])
        return results

    def _draw(self) -> list[tuple[str, float]]:
        """Steps in their order; gamma is the last."""
        def around(spread: float) -> float:
            return np.random.uniform(1 - spread, 1 + spread)

        steps = [('brightness', around(self.brightness)), ('contrast', around(self.contrast)),
                 ('saturation', np.random.uniform(*self.saturation)), ('hue', np.random.uniform(-self.hue, self.hue))]
        gamma = np.random.uniform(*self.gamma)
        return [steps[place] for place in np.random.permutation(4)] + [('gamma', gamma)] * (gamma != 1)


def jitter(image: np.ndarray, steps: Sequence[tuple[str, float]], middle: float) -> np.ndarray:
    """Apply steps (name, amount) to a picture uint8 (H, W, 3) RGB.

    Args:
        image: The picture.
        steps: ``brightness`` and ``contrast`` by a factor, ``saturation`` by a factor, ``hue`` by a turn of the colour
            circle (of 1), ``gamma`` by an exponent.
        middle: Mean grey of the picture before the steps, which contrast leaves as it is.

    Returns:
        A new picture; the one given is left as it is.
    """
    for name, amount in steps:
        if name == 'saturation':
            image = cv2.transform(image, amount * np.eye(3, dtype=np.float32) + (1 - amount) * _LUMA)
        elif name == 'hue':
            image = _turn_hue(image, amount)
        else:
            image = cv2.LUT(image, _levels(name, amount, middle))
        middle = min(middle * amount, 255.0) if name == 'brightness' else middle
    return image


def _levels(name: str, amount: float, middle: float) -> np.ndarray:
    if name == 'brightness':
        levels = amount * _LEVELS
    elif name == 'contrast':
        levels = amount * _LEVELS + (1 - amount) * middle
    else:
        levels = 255 * (_LEVELS / 255) ** amount
    return np.clip(levels.round(), 0, 255).astype(np.uint8)


def _turn_hue(image: np.ndarray, turn: float) -> np.ndarray:
    """In OpenCV's full-range HSV, where the circle has 256 steps."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    turned = (_LEVELS + round(256 * turn)) % 256
    table = np.stack([turned, _LEVELS, _LEVELS], axis=1).astype(np.uint8)[:, None]
    return cv2.cvtColor(cv2.LUT(hsv, table), cv2.COLOR_HSV2RGB_FULL)


def _mean_luma(image: np.ndarray) -> float:
    return float(np.dot(cv2.mean(image)[:3], _LUMA))


@TRANSFORMS.register_module()
class StereoErase(BaseTransform):
    """Fill boxes of the right picture with its mean colour, as what is occluded or mirrored differs between cameras.

    RAFT-Stereo's eraser. The truth stays: the network has to find the surface from what is around.

    Args:
        prob: Chance that there are any.
        most: From 1 to so many boxes.
        size: Least and greatest side, px of the picture at this point.

    Raises:
        ValueError: a size that is none.
    """

    def __init__(self, *, prob: float = 0.5, most: int = 2, size: Sequence[int] = (50, 100)) -> None:
        if not 0 < size[0] <= size[1] or most < 1:
            raise ValueError(f'size is (least, greatest) side in px and most at least 1, got {size} and {most}')
        self.prob, self.most, self.size = prob, most, tuple(size)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``right``."""
        if np.random.rand() >= self.prob:
            return results
        right = results['right'].copy()
        colour = np.round(cv2.mean(right)[:3]).astype(np.uint8)
        for _ in range(np.random.randint(1, self.most + 1)):
            top, left = np.random.randint(0, right.shape[0]), np.random.randint(0, right.shape[1])
            height, width = np.random.randint(self.size[0], self.size[1] + 1, 2)
            right[top:top + height, left:left + width] = colour
        results['right'] = right
        return results
