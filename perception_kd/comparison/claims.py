"""Work that several commands share: each piece is one process's alone."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import is_main_process


@contextmanager
def claim(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock file; gives whether this process has it. Of a job's processes, the first one alone asks.

    Args:
        path: The file; its folder is made.
        wait: Until whoever has it lets go, instead of going on without.
    """
    if not is_main_process():
        yield False
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('a') as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            mine = True
        except BlockingIOError:
            mine = False
        yield mine
