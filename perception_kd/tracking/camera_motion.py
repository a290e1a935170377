"""How far the picture has moved since the last one, because the camera turned."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDEST = 320  # px; larger pictures are shrunk to this width first


class PhaseShift:
    """The shift of the whole picture by phase correlation: for a camera that pans, not for zoom or rotation.

    Args:
        least_response: Share of the correlation's energy at its peak below which no shift is believed, as of an empty
            sky: pictures of mere noise reach 0.12.
    """

    def __init__(self, *, least_response: float = 0.2) -> None:
        self.least_response = least_response
        self._last: NDArray | None = None

    def reset(self) -> None:
        """Forget the last picture."""
        self._last = None

    def __call__(self, image: NDArray) -> NDArray:
        """``(dx, dy)`` px from the last picture to this one; zeros for the first one.

        Args:
            image: ``(H, W)`` or ``(H, W, 3)``, grey or BGR 0..255.

        Raises:
            ValueError: no picture, or of another size than the last one.
        """
        small, scale = _small_grey(image)
        last, self._last = self._last, small
        if last is None:
            return np.zeros(2)
        if last.shape != small.shape:
            self._last = last
            raise ValueError(f'camera motion: a picture is {small.shape[1]}x{small.shape[0]} (shrunk), the last one '
                             f'{last.shape[1]}x{last.shape[0]}; reset the tracker between videos')
        window: Any = cv2.createHanningWindow(small.shape[::-1], cv2.CV_32F)
        shift, response = cv2.phaseCorrelate(last, small, window)
        return np.array(shift) * scale if response >= self.least_response else np.zeros(2)


def _small_grey(image: NDArray) -> tuple[NDArray, float]:
    """The picture as float32 grey, and how many px of the picture one of its px is."""
    image = np.asarray(image)
    if image.ndim not in (2, 3) or min(image.shape[:2]) < 16:
        raise ValueError(f'camera motion: a picture is (H, W) or (H, W, 3) of 16 px or more, got {image.shape}')
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    scale = max(1.0, grey.shape[1] / WIDEST)
    if scale > 1:
        grey = cv2.resize(grey, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    grey = grey.astype(np.float32)
    return grey - grey.mean(), scale  # the mean alone would correlate, at no shift
