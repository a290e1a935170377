"""What is fuzzed: one :class:`Target` a reader, with its seeds and what must hold of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from perception_kd.cli import one_line

LONGEST_LINE = 700
"""Characters of an error's line, path included."""


@dataclass(frozen=True)
class Target:
    """A reader.

    Args:
        name: On the command line.
        suffixes: Of the file that is written for it; an input chooses one by its first byte.
        seeds: Inputs to begin with, without that first byte, by suffix.
        read: Reads the file; raises ``AssertionError`` where the answer is not what it should be.
        words: What the fuzzer may put in.
        wrap: Makes the content of the file from an input and the suffix; default: the input is the content.
        allowed: Audit events that this reader needs.
        fits: Whether an input may be read at all.
    """

    name: str
    suffixes: tuple[str, ...]
    seeds: Mapping[str, list[bytes]]
    read: Callable[[Path], None]
    words: tuple[bytes, ...] = ()
    wrap: Callable[[bytes, str], bytes] = lambda data, suffix: data
    allowed: frozenset[str] = frozenset()
    fits: Callable[[bytes, str], bool] = lambda data, suffix: True

    def try_input(self, data: bytes, folder: Path) -> bool:
        """Write a file and read it.

        Returns:
            Whether the reader took it, rather than refuse it with a clear line.

        Raises:
            Exception: anything but a clear refusal.
        """
        if not data:
            return False
        suffix = self.suffixes[data[0] % len(self.suffixes)]
        if not self.fits(data[1:], suffix):
            return False
        path = folder / f'input{suffix}'
        path.write_bytes(self.wrap(data[1:], suffix))
        try:
            self.read(path)
        except (ValueError, OSError) as error:
            check_line(error, path.name)
            return False
        return True

    def all_seeds(self) -> list[bytes]:
        """With their first byte."""
        return [bytes([place]) + seed for place, suffix in enumerate(self.suffixes) for seed in self.seeds[suffix]]


def check_line(error: Exception, name: str) -> None:
    """See that an error says in one line of bearable length which file is meant."""
    line = one_line(error)
    assert name in line, f'the file is not named: {type(error).__name__}: {line[:300]}'
    assert len(line) <= LONGEST_LINE, f'{len(line)} characters: {line[:300]}'
