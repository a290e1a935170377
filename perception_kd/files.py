"""Writing files so that a reader never sees half of one, and a full disk is told in one line."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

_SAMPLE = 2**20  # bytes of a fingerprint at either end of a file
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFullError(OSError):
    """The file system, or a limit of the user, takes no more bytes."""


@contextmanager
def naming_full_disk(path: str | Path, *, rename: bool = False) -> Iterator[None]:
    """Turn the system's bare "No space left on device" into a line that names the file and what to do.

    Args:
        path: What is written inside, a file or a folder.
        rename: Name this path even if a :class:`DiskFullError` from inside names another.

    Raises:
        DiskFullError: instead of an ``OSError`` of a full disk, a used-up quota or a file-size limit.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        cause = _full_disk_behind(error)
        if cause is None or (isinstance(error, DiskFullError) and not rename):
            raise
        raise DiskFullError(f'no space left writing {path} ({cause.strerror}); free some or write elsewhere, '
                            'then run the same command again') from error


def _full_disk_behind(error: BaseException | None) -> OSError | None:
    """The system's error; torch's writer raises a ``RuntimeError`` of its own while that one is handled."""
    while error is not None and getattr(error, 'errno', None) not in _FULL:
        error = error.__context__
    return error


def require_file(path: str | Path, what: str = 'file') -> Path:
    """The path, if it is a file to read; ``what`` it should be is said in the error.

    Raises:
        FileNotFoundError, IsADirectoryError: it is not.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(f'{what} {path} is a folder; give a file')
    if not Path(path).is_file():
        raise FileNotFoundError(f'{what} {path} does not exist')
    return Path(path)


def fingerprint(path: str | Path) -> str:
    """Hash of a file's size, beginning and end: a checkpoint's end lists the checksums of all its parts."""
    with require_file(path).open('rb') as file:
        size = file.seek(0, os.SEEK_END)
        digest = hashlib.sha256(str(size).encode())
        for place in (0, max(size - _SAMPLE, 0)):
            file.seek(place)
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()[:16]


@contextmanager
def limited_memory(bytes_more: int) -> Iterator[None]:
    """Let the process have only so many more bytes of address space inside.

    A damaged or hostile file of some bytes can ask its reader for more memory than there is, and Linux gives it, until
    it kills the process.

    Raises:
        MemoryError: what is inside asks for more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
    most = taken + bytes_more
    if soft == resource.RLIM_INFINITY or most < soft:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def require_folder(path: str | Path, what: str = 'folder') -> Path:
    """The path, if it is a folder to read; see :func:`require_file`.

    Raises:
        FileNotFoundError, NotADirectoryError: it is not.
    """
    if Path(path).is_file():
        raise NotADirectoryError(f'{what} {path} is a file; give a folder')
    if not Path(path).is_dir():
        raise FileNotFoundError(f'{what} {path} does not exist')
    return Path(path)


def check_file_target(path: str | Path) -> None:
    """See that a file can be put there, before what takes long.

    Raises:
        IsADirectoryError, NotADirectoryError: a folder has that name, or a file the name of a folder above it.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(f'{path} is a folder; name a file')
    check_folder_target(Path(path).parent)


def check_folder_target(path: str | Path) -> None:
    """See that a folder is there or can be made.

    Raises:
        NotADirectoryError: it, or a folder above it, is a file.
    """
    path = Path(path)
    there = next((one for one in (path, *path.parents) if one.exists()), path)
    if there.is_file():
        raise NotADirectoryError(f'{there} is a file; name a folder')


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; move it to ``path`` on success, remove it on failure.

    The temporary name keeps the suffix, since many writers choose their format by it, and is of one writer alone:
    containers that share a folder may share process ids, too. Errors of a full disk come as :class:`DiskFullError`.

    Raises:
        IsADirectoryError, NotADirectoryError: as :func:`check_file_target`.
    """
    path = Path(path)
    temporary = path.with_name(f'.{path.stem}.{os.getpid()}-{uuid4().hex[:8]}.partial{path.suffix}')
    try:
        check_folder_target(path.parent)
        with naming_full_disk(path, rename=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            if temporary.is_file() and path.is_dir():
                check_file_target(path)
            os.replace(temporary, path)
    except OSError as error:
        if error.filename is not None and Path(error.filename) == temporary:
            error.filename = str(path)  # people know this name
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


def remove_left_overs(path: str | Path) -> None:
    """Remove what a process that was killed inside :func:`atomic_path` left beside ``path``."""
    path = Path(path)
    for left_over in path.parent.glob(f'.{path.stem}.*.partial{path.suffix}'):
        left_over.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: str | Path, content: Any, indent: int | None = 1) -> None:
    """Write JSON atomically. NaN is written as ``NaN``, as nuscenes-devkit does."""
    write_bytes(path, (json.dumps(content, indent=indent) + '\n').encode())


def replace_folder(target: str | Path, fresh: str | Path) -> None:
    """Put the finished folder ``fresh`` in the place of ``target``; an old one goes only then."""
    target = Path(target)
    old = target.with_name(f'.{target.name}.replaced')
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    Path(fresh).rename(target)
    shutil.rmtree(old, ignore_errors=True)
