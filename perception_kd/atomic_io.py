"""Writing a file so that a reader sees the old content or the new one, never half of it."""

import json
import os
from pathlib import Path
from typing import Any


def atomic_write_bytes(path: str | Path, data: bytes) -> Path:
    """Write ``data`` under a temporary name beside ``path``, then rename it into place.

    Parent folders are made. The temporary file is removed when the write fails.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def atomic_write_json(path: str | Path, content: Any, *, indent: int | None = None) -> Path:
    """Write ``content`` as UTF-8 JSON, atomically."""
    return atomic_write_bytes(path, (json.dumps(content, indent=indent) + '\n').encode())
