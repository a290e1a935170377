"""Where a picture shows the sky: no stereo match holds there, and its disparity is 0."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.stereo.decoders import read_png
from perception_kd.files import require_file

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
_QUANTILE, _WITHIN = 0.01, 0.08  # of the monocular net's values, and of their range above that quantile
_CALM = 6.0  # grey values 0..255 a px
_LEAST = 0.005  # of the picture
FAR = 0.004
"""Of the width: what has more parallax is nearer than a sky."""


def sky_of(picture: NDArray[np.uint8], inverse_depth: Map, parallax: Map, trusted: Mask) -> Mask:
    """Guess the sky: as far as the monocular net sees, without texture, and reaching the upper border.

    A bare wall or ceiling is all of this, too, and a disparity of 0 would be a false label; it is told by its parallax,
    of the fitted net and of the stereo pixels that both views confirm.

    Args:
        picture: ``(H, W, 3)`` RGB.
        inverse_depth: ``(H, W)`` of the monocular net, relative: larger is nearer.
        parallax: ``(H, W)`` px, the same brought to the disparity of the pair.
        trusted: ``(H, W)``, pixels whose parallax of stereo, confirmed by both views, is more than a sky's.

    Returns:
        ``(H, W)``.
    """
    height, width = inverse_depth.shape
    low, high = np.quantile(inverse_depth, [_QUANTILE, 1 - _QUANTILE])
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), (5, 5), 0)
    change = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8
    far = (inverse_depth <= low + _WITHIN * (high - low)) & (parallax <= FAR * width)
    parts = cv2.connectedComponents((far & (change < _CALM)).astype(np.uint8), connectivity=4)[1]
    found = np.zeros((height, width), bool)
    for part in np.unique(parts[0]):
        here = parts == part
        if part and here.mean() >= _LEAST and (trusted & here).sum() < 0.5 * here.sum():
            found |= here
    return found


def read_sky(folder: str | Path, name: str, size: tuple[int, int]) -> Mask:
    """A mask of one's own: ``folder/<name>.png``, not 0 where the sky is; ``(H, W)`` of ``size``.

    Raises:
        FileNotFoundError, ValueError: no such file, no picture, or one of another size.
    """
    path = require_file(Path(folder) / f'{name}.png', 'sky mask')
    mask = read_png(path) > 0
    if mask.shape != size:
        raise ValueError(f'{path}: {mask.shape[1]}x{mask.shape[0]}, the picture has {size[1]}x{size[0]}')
    return mask
