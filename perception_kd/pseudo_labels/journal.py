"""What is finished of a long list of items, in a file that survives the death of its writer."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from perception_kd.files import check_file_target, naming_full_disk

_STAMP = 'settings'


class Journal:
    """JSON lines: first the settings of the run, then one line for each item that was finished or given up.

    A line is ``{"key": ..., "attempts": n, "seconds": s, "row": {...}}``, or has ``error`` (a line of text) in the
    place of ``row``. The last line of a key counts. A line goes to the file in one write; half of one, the mark of a
    writer that was killed, is cut off when the file is opened again. One process at a time holds the file.

    Args:
        path: File; its folders are made.
        stamp: Settings that all results must share, as JSON has them.

    Raises:
        ValueError: The file is no journal, or one of other settings.
        BlockingIOError: Another process holds it.
    """

    def __init__(self, path: str | Path, stamp: Mapping[str, Any]) -> None:
        self.path = Path(path)
        check_file_target(self.path)
        self.rows: dict[str, dict[str, Any]] = {}
        """Of the finished items."""
        self.errors: dict[str, str] = {}
        """Of the items that were given up."""
        with naming_full_disk(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _locked(self.path)
            try:
                self._read(json.loads(json.dumps(stamp)))
            except BaseException:
                self._file.close()
                raise

    def done(self, key: str, row: Mapping[str, Any], *, attempts: int, seconds: float) -> None:
        """Note a finished item."""
        self._note(dict(key=key, attempts=attempts, seconds=round(seconds, 4), row=dict(row)))

    def failed(self, key: str, error: str, *, attempts: int) -> None:
        """Note an item that was given up."""
        self._note(dict(key=key, attempts=attempts, error=error))

    def close(self) -> None:
        """Let another process have the file."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _note(self, entry: dict[str, Any]) -> None:
        self._append(entry)
        self._take(entry)

    def _append(self, entry: Mapping[str, Any]) -> None:
        with naming_full_disk(self.path):
            self._file.write((json.dumps(entry) + '\n').encode())
            os.fsync(self._file.fileno())

    def _take(self, entry: dict[str, Any]) -> None:
        key = entry['key']
        self.rows.pop(key, None)
        self.errors.pop(key, None)
        if 'row' in entry:
            self.rows[key] = entry['row']
        else:
            self.errors[key] = entry['error']

    def _read(self, stamp: dict[str, Any]) -> None:
        content = self._file.read()
        whole = content[:content.rfind(b'\n') + 1]
        if len(whole) < len(content):
            self._file.truncate(len(whole))
        if not whole:
            self._append({_STAMP: stamp})
            return
        try:
            first, *entries = map(json.loads, whole.splitlines())
            _check_stamp(self.path, first[_STAMP], stamp)
            for entry in entries:
                self._take(entry)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError):
            raise ValueError(f'{self.path}: not a journal of such a run; remove it or name another folder') from None


def _locked(path: Path) -> BinaryIO:
    file = path.open('a+b', buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BlockingIOError(f'{path}: another process works on it; wait for it, or name another folder') from None
    file.seek(0)
    return file


def _check_stamp(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    different = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if different:
        name = different[0]
        raise ValueError(f'{path}: begun with other settings ({name}: {before.get(name)!r}, now {now.get(name)!r}'
                         f'{f"; also {len(different) - 1} more" if different[1:] else ""}); name another folder, or '
                         'remove this one')
