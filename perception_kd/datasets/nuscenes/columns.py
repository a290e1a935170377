"""Columns of tables with millions of rows, small in memory: strings as one block of bytes, tokens as 128-bit keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Rows = NDArray[np.int64]

_TOKEN = re.compile('[0-9a-f]{32}')
_NO_TOKEN = hashlib.md5(b'', usedforsecurity=False).hexdigest()
# Odd factors that make one number of a key's two halves; the next pair where two keys share a number.
_FACTORS = ((0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F), (0xD6E8FEB86659FD93, 0xA0761D6478BD642F), (1, 0xFF51AFD7ED558CCD))


class Texts:
    """Strings by row, in UTF-8 behind each other."""

    def __init__(self) -> None:
        self._bytes, self._ends = bytearray(), [np.zeros(1, np.int64)]

    def extend(self, texts: Sequence[str]) -> None:
        """Add rows.

        Raises:
            AttributeError: one is no string.
        """
        encoded = [text.encode() for text in texts]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        self._ends.append(len(self._bytes) + np.cumsum(lengths))
        self._bytes += b''.join(encoded)

    def close(self) -> Texts:
        """Say that no rows come any more."""
        self._ends = [np.concatenate(self._ends)]
        return self

    def take(self, rows: Rows) -> list[str]:
        """The strings of some rows, after :meth:`close`."""
        (ends,) = self._ends
        return [self._bytes[start:end].decode()
                for start, end in zip(ends[rows].tolist(), ends[rows + 1].tolist())]


def token_keys(tokens: Sequence[str]) -> Keys:
    """``(N, 2)`` of N tokens, equal where they are: 32 hexadecimal digits as they are, the MD5 hash of any other.

    Raises:
        TypeError: one is no string.
    """
    tokens = [token or _NO_TOKEN for token in tokens]
    digits = ''.join(tokens)
    if set(map(len, tokens)) - {32} or not _is_hexadecimal(digits):
        digits = ''.join(token if _TOKEN.fullmatch(token) else _hash(token) for token in tokens)
    return np.frombuffer(bytes.fromhex(digits), np.uint64).reshape(-1, 2)


def _is_hexadecimal(digits: str) -> bool:
    try:
        return bytes.fromhex(digits).hex() == digits  # fromhex passes over white space and capitals
    except ValueError:
        return False


def _hash(token: str) -> str:
    return hashlib.md5(token.encode('utf-8', 'surrogatepass'), usedforsecurity=False).hexdigest()


NO_KEY: Keys = token_keys([''])[0]
"""Of the empty token, which stands where there is none."""


class TokenIndex:
    """Finds the rows of tokens.

    Args:
        keys: ``(N, 2)`` of the rows, all different.

    Raises:
        DoubleTokenError: two rows have one key.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        for self._factors in _FACTORS:
            numbers = self._numbers(keys)
            self._order = np.argsort(numbers)
            self._sorted = numbers[self._order]
            same = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
            if not len(same):
                return
            first, second = self._order[same], self._order[same + 1]
            double = (keys[first] == keys[second]).all(1)
            if double.any():
                raise DoubleTokenError(int(max(first[double][0], second[double][0])))
        raise ValueError('tokens that share the numbers made of them; are they hashes?')

    def rows(self, keys: Keys) -> Rows:
        """``(M,)`` row of each key; -1 where there is none."""
        found = np.full(len(keys), -1, np.int64)
        if not len(self._keys) or not len(keys):
            return found
        numbers = self._numbers(keys)
        order = np.argsort(numbers)  # neighbours look in the same place, which is then in the cache
        place = np.minimum(np.searchsorted(self._sorted, numbers[order]), len(self._keys) - 1)
        rows = self._order[place]
        good = (self._keys[rows] == keys[order]).all(1)
        found[order[good]] = rows[good]
        return found

    def _numbers(self, keys: Keys) -> Keys:
        one, two = map(np.uint64, self._factors)
        return keys[:, 0] * one + keys[:, 1] * two


class DoubleTokenError(ValueError):
    """Two rows of a table have one token; ``row`` is the later one."""

    def __init__(self, row: int) -> None:
        super().__init__(f'row {row} has the token of another row')
        self.row = row

