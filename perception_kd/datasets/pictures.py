"""Decoding of pictures, with what the decoder keeps to itself."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

DECODE_FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
"""By how much the JPEG decoder shrinks."""

_JPEG_START, _JPEG_END = b'\xff\xd8', b'\xff\xd9'


def read_image(path: str | Path, to_rgb: bool = True, decode_scale: int = 1) -> np.ndarray:
    """Decode a picture to (H, W, 3) uint8, RGB or OpenCV's BGR.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be decoded or is cut off.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such picture; check the data root') from None
    # The decoder fills a cut-off JPEG with grey and says nothing.
    if content[:2] == _JPEG_START and _JPEG_END not in content[-64:]:
        raise ValueError(f'{path}: truncated JPEG ({len(content)} bytes, no end marker); '
                         'fetch the file again')
    # Calibrations are of the pixels as stored, so an orientation note in the file must not turn them.
    flags = DECODE_FLAGS[decode_scale] | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    if image is None:
        raise ValueError(f'{path}: corrupt picture ({len(content)} bytes), it cannot be decoded; '
                         'fetch the file again')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image) if to_rgb else image
