"""Objects of MATLAB classes in ``.mat`` files (version 5), as plain values.

SciPy reads such files but leaves objects undecoded: the variable is a reference, and all values lie in an unnamed
variable behind it, the subsystem. What is known of that undocumented form was worked out by users of MATLAB; this reads
the part that a saved ``groundTruth`` needs:

* The subsystem is a stream of its own: two bytes of version and ``IM``, four of nothing, then a matrix in the usual
  form, a struct whose field ``MCOS`` is an object ``FileWrapper__`` that holds a column of cells.
* Cell 0 is a block of little-endian uint32: format (3 or 4), count of names, then the byte places of up to eight
  regions; at byte 40 the names follow, each with a zero behind it.
* The third region lists objects, six words each: class, two unused, entry in the second region, entry in the fourth,
  and one for references among them. Number 0 is a place holder.
* The second and fourth region list the properties of objects: a count, then three words each: which name; 1 where the
  third is the number of a cell less two, 0 where it is itself a name, 2 where it is a truth value. Every entry begins
  at a multiple of 8 bytes; entry 0 is a place holder of 8 bytes.
* A reference is a uint32 array ``[0xDD000000, count of dimensions, dimensions, numbers of objects, class]``.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.files import limited_memory, require_file

REFERENCE = 0xDD000000
_NAMES_AT, _REGIONS = 40, 8
_NAME_TAG_AT = 48  # the empty name of the struct in the subsystem: version 8, tags 8, flags 16, dimensions 16
_EMPTY_NAME, _SHORT_NAME = b'\x01\0\0\0\0\0\0\0', b'\x01\0\x01\0w\0\0\0'
_FIRST_CELL = 2
_LEAST_MEMORY, _MEMORY_PER_BYTE = 2**30, 4000


def read_object(path: Path, class_name: str) -> dict[str, Any]:
    """Properties of the first variable of a class.

    Args:
        path: The ``.mat`` file.
        class_name: Such as ``groundTruth``.

    Returns:
        Name -> value as SciPy gives it: arrays, structs as arrays with fields, cells as arrays of objects. Objects
        inside of these stay references.

    Raises:
        FileNotFoundError, ValueError: no such file, damaged, or without such a variable.
    """
    require_file(path, 'MATLAB file')
    try:
        with limited_memory(_LEAST_MEMORY + _MEMORY_PER_BYTE * path.stat().st_size):
            return _read(path, class_name)
    except _NoSuchObjectError:
        raise ValueError(f'{path}: holds no {class_name} object') from None
    except Exception as error:  # SciPy's reader meets damage with errors of many kinds
        raise ValueError(f'{path}: damaged, or no MATLAB file of version 5 to 7.2 ({type(error).__name__}: '
                         f'{str(error)[:100]}); fetch it again') from None


class _NoSuchObjectError(Exception):
    """The file is whole and holds something else."""


def _read(path: Path, class_name: str) -> dict[str, Any]:
    from scipy.io import loadmat

    content = loadmat(path)
    number = _number_of(content, class_name)
    cells = _cells(content['__function_workspace__'].tobytes())
    block = cells[0].tobytes()
    kind, count, *places = struct.unpack_from(f'<{2 + _REGIONS}I', block)
    if kind not in (3, 4):
        raise ValueError(f'form {kind} of objects is not known')
    names = [name.decode('ascii') for name in block[_NAMES_AT:places[0]].split(b'\0')[:count]]
    objects = np.frombuffer(block[places[2]:places[3]], '<u4').reshape(-1, 6)
    found: dict[str, Any] = {}
    for region, entry in ((1, objects[number][3]), (3, objects[number][4])):
        if entry:
            words = np.frombuffer(block[places[region]:places[region + 1]], '<u4')
            found.update(_properties(words, int(entry), names, cells))
    # A class that says itself how it is saved (groundTruth does) has all in one property, "any".
    inner = found.get('any')
    if len(found) == 1 and isinstance(inner, np.ndarray) and inner.dtype.names and inner.size == 1:
        return {name: inner[name].item() for name in inner.dtype.names}
    return found


def _number_of(content: dict[str, Any], class_name: str) -> int:
    """Of the object, among those of the file."""
    for value in content.values():
        named = isinstance(value, np.ndarray) and value.dtype.names is not None and 's2' in value.dtype.names
        if named and value[0]['s2'] == class_name.encode():
            reference = np.asarray(value[0]['arr']).ravel()
            if reference[0] != REFERENCE:
                raise ValueError('a reference of unknown form')
            return int(reference[2 + int(reference[1])])
    raise _NoSuchObjectError


def _cells(subsystem: bytes) -> np.ndarray:
    """The values of all objects. SciPy skips variables without a name, so that the struct gets one of equal length."""
    if subsystem[_NAME_TAG_AT:_NAME_TAG_AT + 8] != _EMPTY_NAME:
        raise ValueError('a subsystem of unknown form')
    from scipy.io import loadmat

    body = subsystem[8:_NAME_TAG_AT] + _SHORT_NAME + subsystem[_NAME_TAG_AT + 8:]
    struct_in = loadmat(io.BytesIO(b' ' * 124 + subsystem[:4] + body))['w']
    return struct_in['MCOS'][0, 0][0]['arr'].ravel()


def _properties(words: np.ndarray, entry: int, names: list[str], cells: np.ndarray) -> dict[str, Any]:
    place = 2
    for _ in range(entry - 1):
        place += _padded(1 + 3 * int(words[place]))
    rows = words[place + 1:place + 1 + 3 * int(words[place])].reshape(-1, 3).astype(int)
    meaning = {0: lambda value: names[value - 1], 1: lambda value: cells[_FIRST_CELL + value], 2: bool}
    return {names[name - 1]: meaning[kind](value) for name, kind, value in rows}


def _padded(count: int) -> int:
    return count + count % 2
