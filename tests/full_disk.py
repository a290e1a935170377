"""Places that take no more bytes, really: a limit on the size of files, and a file system of 256 KB."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

resource = pytest.importorskip('resource', reason='limits of a process are a Unix thing')


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes; the system answers EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def small_file_system(folder: Path) -> Iterator[None]:
    """Mount a file system of 256 KB on ``folder``; the test is skipped where that is not allowed."""
    try:
        command = ['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip('this user may not mount a file system')
    try:
        yield
    finally:
        subprocess.run(['umount', str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """The file system of ``folder`` has no byte left."""
    filler = folder / 'filler'
    with filler.open('wb', buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    try:
        yield
    finally:
        filler.unlink()
