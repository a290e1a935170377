"""Notices, by the interpreter's audit events, what reading data must never do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NEVER = ('ctypes.dlopen', 'exec', 'import', 'os.chmod', 'os.exec', 'os.fork', 'os.forkpty', 'os.kill',
          'os.posix_spawn', 'os.putenv', 'os.remove', 'os.rename', 'os.rmdir', 'os.spawn', 'os.symlink', 'os.system',
          'os.truncate', 'pty.spawn', 'shutil.rmtree', 'signal.pthread_kill', 'socket.connect', 'socket.__new__',
          'subprocess.Popen', 'webbrowser.open')
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Violation(Exception):
    """Data made its reader do something."""


class Guard:
    """An audit hook, which stays in the process and looks only inside :meth:`watching`.

    What is not allowed is refused on the spot, and told when the block ends, whatever the reader made of the refusal.

    Args:
        scratch: Files below this folder may be written and removed.
    """

    def __init__(self, scratch: str) -> None:
        self._scratch, self._allowed, self._seen, self._armed = scratch, frozenset(), [], False
        sys.addaudithook(self._hear)

    @contextmanager
    def watching(self, allowed: frozenset[str] = frozenset()) -> Iterator[None]:
        """Args: ``allowed``, events that this reader needs.

        Raises:
            Violation: at the end of the block.
        """
        self._allowed, self._seen, self._armed = allowed, [], True
        try:
            yield
        finally:
            self._armed = False
            if self._seen:
                raise Violation('; '.join(self._seen))

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._armed or not self._refused(event, args):
            return
        self._seen.append(f'{event}{args!r}'[:300])
        raise Violation(self._seen[-1])

    def _refused(self, event: str, args: tuple[Any, ...]) -> bool:
        if event in self._allowed:
            return False
        if event == 'open':
            path, _, flags = args
            return bool(flags & _WRITING) and not self._inside(path)
        if event in ('os.remove', 'os.rmdir'):
            path, folder = args
            return not self._inside(path if folder < 0 else Path(os.readlink(f'/proc/self/fd/{folder}'), path))
        if event in ('os.rename', 'shutil.rmtree'):
            return not self._inside(args[0])
        return event in _NEVER

    def _inside(self, path: Any) -> bool:
        return isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(self._scratch)
