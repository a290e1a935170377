"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; move it to ``path`` on success, remove it on failure.

    The temporary name keeps the suffix, since many writers choose their format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.stem}.{os.getpid()}.partial{path.suffix}')
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: Any, indent: int | None = 1) -> None:
    """Write JSON atomically. NaN is written as ``NaN``, as nuscenes-devkit does."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=indent) + '\n')
