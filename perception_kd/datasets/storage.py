"""Files of sensors: on a disk, or behind one of mmengine's storage backends (``s3://``, ``https://``, one's own)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_GONE = (404, 410)  # of HTTP (RFC 9110): not found, gone


def read_bytes(path: str | Path, what: str, backend_args: Mapping[str, Any] | None = None) -> bytes:
    """Content of a file.

    Args:
        path: Of a file, or an address. A plain path is read from the disk unless ``backend_args`` say otherwise.
        what: The file is, for messages.
        backend_args: Of ``mmengine.fileio.get``: ``backend`` (its name; else the beginning of the address decides) and
            what that backend's class takes.

    Raises:
        FileNotFoundError: there is none.
        OSError: the backend cannot read it.
        ValueError: no backend for such an address, or not with such settings.
    """
    if not backend_args and '://' not in str(path):
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            raise FileNotFoundError(f'{path}: no such {what}; check the data root') from None
    return _fetch(str(path), what, dict(backend_args or {}))


def checked_backend(backend_args: Mapping[str, Any] | None) -> dict[str, Any]:
    """``backend_args`` of a loader, empty for None.

    Raises:
        ValueError: no dictionary, or a backend that mmengine does not know.
    """
    from mmengine.fileio.backends import backends

    if not isinstance(backend_args or {}, Mapping):
        raise ValueError(f"backend_args is a dictionary such as dict(backend='petrel'), got {backend_args!r}")
    found = dict(backend_args or {})
    if 'backend' in found and found['backend'] not in backends:
        raise ValueError(f'backend_args: mmengine has no storage backend {found["backend"]!r}; it has '
                         f'{", ".join(backends)}, and what mmengine.fileio.register_backend adds (custom_imports)')
    return found


def _fetch(path: str, what: str, backend_args: dict[str, Any]) -> bytes:
    backend = _backend(path, backend_args)
    name = type(backend).__name__
    try:
        content = backend.get(path)
    except Exception as error:  # every client of a store has errors of its own
        if not _says_missing(error):
            raise OSError(f'{path}: {name} cannot read this {what}: {type(error).__name__}: {error}') from error
        content = None
    if content is None:  # Petrel's and LMDB's word for it
        raise FileNotFoundError(f'{path}: no such {what} behind {name}; check sensor_root and backend_args')
    return bytes(content)


def _backend(path: str, backend_args: dict[str, Any]) -> Any:
    from mmengine.fileio import get_file_backend
    from mmengine.fileio.backends import prefix_to_backends

    try:
        return get_file_backend(path, backend_args=backend_args, enable_singleton=True)
    except KeyError:
        raise ValueError(f'{path}: no storage backend for such an address; there are ones for '
                         f'{", ".join(f"{prefix}://" for prefix in prefix_to_backends if prefix)}; name one in '
                         'backend_args.backend') from None
    except (TypeError, AssertionError) as error:
        raise ValueError(f'{path}: backend_args {backend_args} do not fit: {error}') from error


def _says_missing(error: Exception) -> bool:
    return isinstance(error, (FileNotFoundError, KeyError)) or getattr(error, 'code', None) in _GONE
