"""Portable float maps (PFM), the form of SceneFlow's, Middlebury's and ETH3D's disparity.

``Pf`` (one channel) or ``PF`` (three), width, height and scale as text, then float32 rows from the bottom of the
picture to its top. A scale below 0 means little endian; its size is a unit that no stereo set uses (Middlebury has
0.00392157), and values are taken as stored. What is not known is infinite there.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from perception_kd.files import require_file, write_bytes

_HEADER = re.compile(rb'(P[Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+.\deE]{1,30})\s')
_LONGEST = 128  # bytes of a header


def read_pfm(path: str | Path) -> np.ndarray:
    """Read a map: float32 (H, W), or (H, W, 3) of a ``PF`` file; top row first, infinities and NaN as stored.

    Raises:
        FileNotFoundError, IsADirectoryError: no such file.
        ValueError: no PFM, or not as long as its header says.
    """
    content = require_file(path, 'float map').read_bytes()
    found = _HEADER.match(content[:_LONGEST])
    scale = _number(found[4]) if found else 0.0
    if found is None or not scale or not math.isfinite(scale):
        raise ValueError(f'{path}: not a PFM: it must begin with Pf or PF, width, height and scale; '
                         f'it begins with {content[:24]!r}')
    width, height, channels = int(found[2]), int(found[3]), 3 if found[1] == b'PF' else 1
    size, held = 4 * width * height * channels, len(content) - found.end()
    start = found.end() + (held == size + 1 and content[found.end() - 1:found.end() + 1] == b'\r\n')
    if not size or len(content) - start != size:
        raise ValueError(f'{path}: {width} x {height} pixels of {channels} float32 are {size} bytes, {held} follow the '
                         'header; fetch the file again')
    rows = np.frombuffer(content, '<f4' if scale < 0 else '>f4', offset=start)
    rows = rows.reshape((height, width, 3) if channels == 3 else (height, width))
    return np.array(rows[::-1], np.float32, order='C')


def write_pfm(path: str | Path, values: np.ndarray) -> None:
    """Write (H, W) or (H, W, 3), top row first, as little-endian float32 with scale 1, atomically.

    Raises:
        ValueError: another shape, or no pixel.
    """
    values = np.asarray(values)
    if values.ndim not in (2, 3) or values.shape[2:] not in ((), (3,)) or not values.size:
        raise ValueError(f'{path}: a PFM holds (H, W) or (H, W, 3), got {values.shape}')
    head = f'{"PF" if values.ndim == 3 else "Pf"}\n{values.shape[1]} {values.shape[0]}\n-1.0\n'.encode()
    write_bytes(path, head + np.ascontiguousarray(values[::-1], '<f4').tobytes())


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
