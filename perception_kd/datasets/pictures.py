"""Decoding of pictures, with what the decoder keeps to itself."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

from perception_kd.datasets.storage import read_bytes

DECODE_FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
"""By how much the JPEG decoder shrinks."""

_JPEG_START, _JPEG_END = b'\xff\xd8', b'\xff\xd9'
_TAIL = 64  # bytes at the end of a JPEG that hold its end marker
_NO_SIZE = (0xC4, 0xC8, 0xCC)  # of the markers 0xC0 to 0xCF, those that begin no frame


def read_image(path: str | Path, to_rgb: bool = True, decode_scale: int = 1,
               backend_args: Mapping[str, Any] | None = None) -> np.ndarray:
    """Decode a picture to (H, W, 3) uint8, RGB or OpenCV's BGR.

    ``backend_args`` are those of :func:`~perception_kd.datasets.storage.read_bytes`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be decoded or is cut off.
    """
    content = read_bytes(path, 'picture', backend_args)
    # The decoder fills a cut-off JPEG with grey and says nothing.
    jpeg = content[:2] == _JPEG_START
    if jpeg and _JPEG_END not in content[-_TAIL:]:
        raise ValueError(f'{path}: truncated JPEG ({len(content)} bytes, no end marker); '
                         'fetch the file again')
    # Calibrations are of the pixels as stored, so an orientation note in the file must not turn them.
    flags = DECODE_FLAGS[decode_scale if jpeg else 1] | cv2.IMREAD_IGNORE_ORIENTATION
    image = decode_image(path, content, flags)
    if decode_scale > 1 and not jpeg:  # OpenCV rounds the size of a JPEG up, that of others down
        size = [-(-side // decode_scale) for side in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image) if to_rgb else image


def decode_image(path: str | Path, content: bytes, flags: int) -> np.ndarray:
    """What OpenCV makes of the bytes of a picture by its ``flags``.

    Raises:
        ValueError: nothing; ``path`` is named.
    """
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error:  # a header that asks for more pixels than OpenCV gives
        image = None
    if image is None:
        raise ValueError(f'{path}: corrupt picture ({len(content)} bytes), it cannot be decoded; '
                         'fetch the file again')
    return image


def glance_at_jpeg(path: str | Path) -> tuple[int, int] | None:
    """(height, width) in the header of a JPEG whose beginning and end are there; nothing is decoded.

    Returns:
        None for a file that is no JPEG, or one with a header that only a decoder understands.

    Raises:
        FileNotFoundError: no such file.
        ValueError: cut off.
    """
    with Path(path).open('rb') as file:
        if file.read(2) != _JPEG_START:
            return None
        size = _frame_size(file)
        file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
        tail = file.read()
    if _JPEG_END not in tail:
        raise ValueError(f'{path}: truncated JPEG, no end marker; fetch the file again')
    return size


def _frame_size(file: BinaryIO) -> tuple[int, int] | None:
    """Of the first frame (ITU-T T.81, B.2.2: marker, length, precision, height, width); the file is after its start."""
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:
        if 0xC0 <= head[1] <= 0xCF and head[1] not in _NO_SIZE:
            frame = file.read(5)
            return struct.unpack('>HH', frame[1:]) if len(frame) == 5 else None
        file.seek(struct.unpack('>H', head[2:])[0] - 2, os.SEEK_CUR)
    return None
