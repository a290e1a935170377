"""Info files written one info after another: as Python objects, those of full nuScenes take several gigabytes.

The file is one pickle of ``{'data_list': [...], 'metainfo': {...}}``, put together from pickles of its parts. Protocol
3 numbers what may be referred to again within each part, so that parts can follow each other in any order.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from perception_kd.files import atomic_path, remove_left_overs

_PROTOCOL = 3
_HEAD = pickle.PROTO + bytes([_PROTOCOL])
_TAIL_BYTES = 1 << 20


def pack(value: Any) -> bytes:
    """The instructions of a pickle that leave ``value`` (plain data) on its stack, without head and end."""
    return pickle.dumps(value, _PROTOCOL)[len(_HEAD):-len(pickle.STOP)]


def unpack(packed: bytes) -> Any:
    """What was packed. Only for bytes of our own: it would run code."""
    return pickle.loads(_HEAD + packed + pickle.STOP)


def _key(name: str) -> bytes:
    return pickle.BINUNICODE + struct.pack('<I', len(name)) + name.encode()


class InfoWriter:
    """Writes into an open file, which will be at ``path``. See :func:`open_info_file`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self._file, self.count = path, file, 0
        file.write(_HEAD + pickle.EMPTY_DICT + _key('data_list') + pickle.EMPTY_LIST)

    def add(self, packed: bytes) -> None:
        """The next info; its ``sample_idx`` becomes its place."""
        place = pickle.BININT + struct.pack('<i', self.count)
        self._file.write(packed + _key('sample_idx') + place + pickle.SETITEM + pickle.APPEND)
        self.count += 1

    def finish(self, metainfo: dict[str, Any]) -> None:
        """The stamp, after all infos."""
        self._file.write(pickle.SETITEM + _key('metainfo') + pack(metainfo) + pickle.SETITEM + pickle.STOP)


@contextmanager
def open_info_file(path: str | Path) -> Iterator[InfoWriter]:
    """Write an info file, which stands there when the block ends without an error."""
    remove_left_overs(path)
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        yield InfoWriter(Path(path), file)


def stamp_at_end(path: str | Path) -> io.BytesIO | None:
    """A pickle of ``{'metainfo': ...}`` alone, from the end of an info file; None where it has another form."""
    with Path(path).open('rb') as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
        _, key, stamp = file.read().rpartition(pickle.SETITEM + _key('metainfo'))
    return io.BytesIO(_HEAD + pickle.EMPTY_DICT + key[1:] + stamp) if key else None
