"""Writes a MATLAB file with a saved ``groundTruth``, as the form is told in ``formats/matlab.py``."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

OPAQUE, STRUCT = 17, 2
_INT8, _INT32, _UINT32, _MATRIX = 1, 5, 6, 14
_HEADER = b'made for a test'.ljust(124) + b'\x00\x01IM'


def _element(kind: int, content: bytes) -> bytes:
    return struct.pack('<2I', kind, len(content)) + content + b'\0' * (-len(content) % 8)


def _unnamed(value: Any) -> bytes:
    """A matrix as SciPy writes it, its name taken off."""
    stream = io.BytesIO()
    savemat(stream, {'x': value})
    content = bytearray(stream.getvalue()[128:])
    place = content.index(b'\x01\x00\x01\x00x\0\0\0')
    content[place:place + 8] = b'\x01\0\0\0\0\0\0\0'
    return bytes(content)


def _opaque(name: bytes, class_name: bytes, content: bytes) -> bytes:
    flags = _element(_UINT32, struct.pack('<2I', OPAQUE, 0))
    return _element(_MATRIX, flags + _element(_INT8, name) + _element(_INT8, b'MCOS') + _element(_INT8, class_name)
                    + content)


def _cells(values: list[Any]) -> np.ndarray:
    column = np.empty((len(values), 1), object)
    for place, value in enumerate(values):
        column[place, 0] = value
    return column


def _block() -> np.ndarray:
    """Two objects: one of a class before, whose properties come first, and the ``groundTruth``."""
    names = [b'any', b'groundTruth', b'before', b'other']
    text = b''.join(name + b'\0' for name in names)
    text += b'\0' * (-len(text) % 8)
    classes = struct.pack('<12I', 0, 0, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0)
    # Entry 1: two properties (a name and a truth value), 7 words and one to fill up; entry 2: the table, cell 3.
    entries = struct.pack('<14I', 0, 0, 2, 3, 0, 4, 1, 2, 1, 0, 1, 1, 1, 1)
    objects = struct.pack('<18I', *[0] * 6, 1, 0, 0, 1, 0, 1, 2, 0, 0, 2, 0, 2)
    places, place = [], 40 + len(text)
    for part in (classes, entries, objects, b'\0' * 8, b'\0' * 8):
        places.append(place)
        place += len(part)
    places += [place, 0, 0]
    content = struct.pack('<10I', 3, len(names), *places) + text + classes + entries + objects + b'\0' * 16
    return np.frombuffer(content, np.uint8).reshape(-1, 1)


def write_ground_truth(path: Path, rows: list[dict[str, Any]], class_name: bytes = b'groundTruth') -> Path:
    """Save a table.

    Args:
        path: The file.
        rows: Of each frame, class -> (n, 4) of x, y, width, height, with MATLAB's pixels.
        class_name: Of the variable.
    """
    names = list(rows[0])
    table = np.empty((len(rows), 1), [('Time', object), *((name, object) for name in names)])
    for place, row in enumerate(rows):
        table[place, 0] = (np.array([[0xDD000000, 2, 1, 1, 9, 1]], np.uint32), *(
            np.asarray(row[name]) if np.size(row[name]) else np.zeros((0, 0)) for name in names))
    saved = np.empty((1, 1), [('DataSource', object), ('LabelData', object)])
    saved[0, 0] = ('a.mp4', table)
    cells = _unnamed(_cells([_block(), np.zeros((1, 0)), 7.0, saved, np.zeros((3, 1), np.int32)]))
    fields = _element(_INT32, struct.pack('<i', 5)) + _element(_INT8, b'MCOS\0')
    head = _element(_UINT32, struct.pack('<2I', STRUCT, 0)) + _element(_INT32, struct.pack('<2i', 1, 1))
    # MATLAB writes the length of field names in the short form, which leaves the name at the place that is looked at.
    short = struct.pack('<2Hi', _INT32, 4, 5)
    body = head + _element(_INT8, b'') + short + fields[16:] + _opaque(b'', b'FileWrapper__', cells)
    subsystem = b'\x00\x01IM' + b'\0' * 4 + _element(_MATRIX, body)
    reference = _unnamed(np.array([[0xDD000000], [2], [1], [1], [2], [2]], np.uint32))
    whole = _unnamed(np.frombuffer(subsystem, np.uint8).reshape(1, -1))
    path.write_bytes(_HEADER + _opaque(b'gTruth', class_name, reference) + whole)
    return path
