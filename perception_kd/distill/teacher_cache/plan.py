"""How much a cache is going to take, before it takes it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SizePlan:
    """Size of one teacher's cache.

    Args:
        name: The teacher's.
        folder: Where to.
        samples, states: Entries: every sample in every state of augmentation.
        taps: Bytes by tap of one entry, from samples that the teacher has seen.
        present: Bytes of the entries that are there already.
        max_bytes: The most that is allowed, None: what is free.
    """

    name: str
    folder: Path
    samples: int
    states: int
    taps: Mapping[str, int]
    present: int = 0
    max_bytes: int | None = None

    @property
    def total(self) -> int:
        """Bytes of all entries."""
        return self.samples * self.states * sum(self.taps.values())

    @property
    def free(self) -> int:
        """Bytes that are free where the folder is, or will be."""
        there = next(folder for folder in (self.folder.absolute(), *self.folder.absolute().parents) if folder.is_dir())
        return shutil.disk_usage(there).free

    def check(self) -> None:
        """See that it fits.

        Raises:
            ValueError: says how much is missing, and what helps.
        """
        needed = max(self.total - self.present, 0)
        cure = ("store less: cache.dtype='float16', fewer pairs or states; or name another folder (cache.folder)")
        if self.max_bytes is not None and self.total > self.max_bytes:
            raise ValueError(f"the cache of teacher '{self.name}' takes {size_text(self.total)}, more than max_bytes "
                             f'allows ({size_text(self.max_bytes)}); {cure}')
        if needed > self.free:
            raise ValueError(f"the cache of teacher '{self.name}' takes another {size_text(needed)}, and "
                             f'{size_text(self.free)} are free at {self.folder}; {cure}')

    def __str__(self) -> str:
        lines = [f"cache of teacher '{self.name}' in {self.folder}"]
        lines += [f'  {tap:16s} {size_text(size):>10s} a sample' for tap, size in self.taps.items()]
        limit = '' if self.max_bytes is None else f', at most {size_text(self.max_bytes)} allowed'
        lines.append(f'  {self.samples} samples x {self.states} states: {size_text(self.total)}, '
                     f'{size_text(self.present)} of it there, {size_text(self.free)} free{limit}')
        return '\n'.join(lines)


def size_text(size: float) -> str:
    """Bytes for people."""
    for unit in ('B', 'KiB', 'MiB', 'GiB'):
        if abs(size) < 1024:
            return f'{size:.0f} {unit}' if unit == 'B' else f'{size:.1f} {unit}'
        size /= 1024
    return f'{size:.2f} TiB'
