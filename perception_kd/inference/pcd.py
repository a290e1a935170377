"""Point cloud files (PCD v0.7) with any fields, as the Point Cloud Library documents them; ``ascii`` and ``binary``."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from perception_kd.files import require_file

_KINDS = {'F': {4: 'f4', 8: 'f8'}, 'I': {1: 'i1', 2: 'i2', 4: 'i4', 8: 'i8'}, 'U': {1: 'u1', 2: 'u2', 4: 'u4', 8: 'u8'}}
_HEADER_LINES = 40
_MOST_VALUES = 4096  # of one field; histograms have some hundreds


def read_pcd(path: str | Path) -> dict[str, np.ndarray]:
    """Fields of a point cloud by name, (N,) float64 each; of a field with several values the first is kept.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no PCD, compressed, cut off, or holding other text than numbers; one line that names it.
    """
    content = require_file(path, 'point cloud').read_bytes()
    header, start, how = _header(path, content)
    dtype, count = _layout(path, header)
    if how == 'ascii':
        table = _ascii(path, content[start:], dtype, count)
    elif how == 'binary':
        if len(content) - start < count * dtype.itemsize:
            raise ValueError(f'{path}: truncated: the header promises {count} points of {dtype.itemsize} bytes, '
                             f'{len(content) - start} bytes are there')
        table = np.frombuffer(content[start:start + count * dtype.itemsize], dtype)
    else:
        raise ValueError(f'{path}: DATA {how} is not read; write it as ascii or binary '
                         '(pcl_convert_pcd_ascii_binary FILE OUT 1)')
    return {name: table[name][:, 0].astype(np.float64) for name in dtype.names}


def _header(path: str | Path, content: bytes) -> tuple[dict[str, list[str]], int, str]:
    """Entries of the header, where the points begin, and how they are written."""
    entries: dict[str, list[str]] = {}
    stream = io.BytesIO(content)
    for _ in range(_HEADER_LINES):
        words = stream.readline(2**16).decode('ascii', 'replace').split()
        if words and words[0] == 'DATA':
            return entries, stream.tell(), ' '.join(words[1:])
        if words:
            entries[words[0]] = words[1:]
    raise ValueError(f'{path}: no PCD file: no DATA line in its header')


def _layout(path: str | Path, header: dict[str, list[str]]) -> tuple[np.dtype, int]:
    """How one point is written, and how many there are."""
    try:
        names = header['FIELDS']
        values = [int(number) for number in header.get('COUNT', ['1'] * len(names))]
        kinds = [_KINDS[kind][int(size)] for kind, size in zip(header['TYPE'], header['SIZE'], strict=True)]
        points = header['POINTS'] if 'POINTS' in header else header['WIDTH']
        count = int(points[0])
        # Several fields may be called "_": they pad.
        names = [f'_{place}' if name == '_' else name for place, name in enumerate(names)]
        if count < 0 or not names or not all(0 < one <= _MOST_VALUES for one in values):
            raise ValueError(f'{count} points with {values} values')
        return np.dtype([(name, f'<{kind}', (many,))
                         for name, kind, many in zip(names, kinds, values, strict=True)]), count
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f'{path}: unreadable PCD header ({type(error).__name__}: {str(error)[:100]})') from None


def _ascii(path: str | Path, text: bytes, dtype: np.dtype, count: int) -> np.ndarray:
    lines = text.split(b'\n')[:count]
    columns = sum(dtype[name].shape[0] for name in dtype.names)
    try:
        numbers = np.array([line.split() for line in lines if line.strip()], np.float64).reshape(-1, columns)
    except ValueError as error:
        raise ValueError(f'{path}: a line does not hold {columns} numbers ({str(error)[:80]})') from None
    if len(numbers) != count:
        raise ValueError(f'{path}: truncated: the header promises {count} points, {len(numbers)} lines are there')
    table, column = np.zeros(count, [(name, 'f8', dtype[name].shape) for name in dtype.names]), 0
    for name in dtype.names:
        width = dtype[name].shape[0]
        table[name] = numbers[:, column:column + width]
        column += width
    return table
