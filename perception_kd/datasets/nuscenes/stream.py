"""Tables of any size, read in blocks: the rows of a JSON list one after another, in bounded memory.

A block of the file is cut behind its last row and decoded by msgspec, which builds the wanted columns only. Where
that fails (a brace in a string looked like the end of a row, NaN, an error), the rows of the block are decoded one by
one by the standard library, which finds their true ends, accepts what ``json.loads`` accepts, and says what is wrong.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

BLOCK_BYTES = 1 << 17
"""What fits a core's cache: larger blocks were slower."""

_CURE = 'unpack the data set again'
_SPACE = re.compile(r'[ \t\n\r]*')
_ROW_BEGINS = re.compile(rb'[ \t\n\r]*\{')
_LAST_BOUNDARY = re.compile(rb'.*\}([ \t\n\r]*,[ \t\n\r]*)\{', re.DOTALL)
_LONGEST_WORD = len('-Infinity')
_decode_value = json.JSONDecoder().raw_decode


def iter_rows(path: str | Path, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of a table, with the values that ``json.loads`` gives.

    Args:
        path: A JSON list of objects in UTF-8, with white space of any form.
        columns: Names; other columns are passed over.

    Yields:
        A row's values in the order of ``columns``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not JSON, cut off, no list, a row that is no object or lacks a column; names the file and the row.
    """
    for block in iter_blocks(path, columns):
        yield from block


def iter_blocks(path: str | Path, columns: Sequence[str], block_bytes: int = BLOCK_BYTES,
                advance: Callable[[int], None] | None = None) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of :func:`iter_rows` in lists, one for about ``block_bytes`` of the file. Same errors.

    ``advance`` is told after each list how many bytes it took.
    """
    path = Path(path)
    try:
        file = path.open('rb')
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} is missing; {_CURE}') from None
    with file:
        reader, before = _Reader(path, tuple(columns), file), 0
        for rows in reader.blocks(block_bytes):
            if advance:
                advance(reader.offset - before)
                before = reader.offset
            yield rows


class _Reader:
    """``rest`` is what was read and not decoded yet: from byte ``offset`` on, where row ``number`` begins."""

    def __init__(self, path: Path, columns: tuple[str, ...], file: BinaryIO) -> None:
        self.path, self.columns, self.file = path, columns, file
        self.rest, self.offset, self.number = b'', 0, 0
        fields = {f'c{place}': name for place, name in enumerate(columns)}
        row = msgspec.defstruct('Row', [(field, Any) for field in fields], rename=fields, gc=False)
        self._decode = msgspec.json.Decoder(list[row]).decode

    def blocks(self, block_bytes: int) -> Iterator[list[tuple[Any, ...]]]:
        """All rows."""
        self._open_list(block_bytes)
        more = b'-'
        while more:
            more = self.file.read(max(block_bytes, len(self.rest)))  # doubled while a row is longer than that
            self.rest += more
            rows = self._take_fast(last=not more)
            if rows is None:
                rows = self._take_slow(last=not more)
            self.number += len(rows)
            if rows:
                yield rows

    def _open_list(self, block_bytes: int) -> None:
        block = self.file.read(max(block_bytes, len(codecs.BOM_UTF8)))
        self.rest = block.removeprefix(codecs.BOM_UTF8).lstrip()
        while block and not self.rest:
            block = self.file.read(block_bytes)
            self.rest = block.lstrip()
        self.offset = self.file.tell() - len(self.rest)
        if self.rest[:1] == b'{':
            raise self._no_table(', which is a list of rows')
        if self.rest[:1] != b'[':
            raise self._no_json('no list begins there' if self.rest else 'it is empty')
        self._drop(1)

    def _take_fast(self, last: bool) -> list[tuple[Any, ...]] | None:
        """Rows up to the last visible boundary; None where msgspec cannot decode them."""
        boundary = None if last else _LAST_BOUNDARY.match(self.rest)
        if not (last or boundary):
            return []
        if self.number and not _ROW_BEGINS.match(self.rest):
            return None
        start, end = boundary.span(1) if boundary else (len(self.rest), len(self.rest))
        try:
            rows = self._decode(b'[' + self.rest[:start] + (b'' if last else b']'))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # also where rows have another form
            return None
        self._drop(end)
        return list(map(msgspec.structs.astuple, rows))

    def _take_slow(self, last: bool) -> list[tuple[Any, ...]]:
        """Rows that are seen to be followed by a comma, or, where ``last``, by the end of the list and the file."""
        text, rows, place = self._text(last), [], 0
        while place < len(text) or last:
            number = self.number + len(rows)
            value, place_after = self._value_at(text, place, number, last)
            mark = text[place_after:place_after + 1]
            at_end = _skip_space(text, place_after + 1) == len(text)
            if mark not in ('', ',', ']') or (mark == ']' and not at_end) or (last and mark == ''):
                self._drop(len(text[:place_after].encode()))
                raise self._no_json('a comma or the end of the list, then of the file, is expected', number)
            if mark == '' or (mark == ']' and not last):
                break
            rows.append(self._columns_of(value, number))
            place = place_after + 1
            if mark == ']':
                break
        self._drop(len(text[:place].encode()))
        return rows

    def _value_at(self, text: str, place: int, number: int, last: bool) -> tuple[Any, int]:
        """A value and where the mark after it stands; the end of the text while the value may go on."""
        try:
            value, end = _decode_value(text, _skip_space(text, place))
        except (ValueError, RecursionError) as error:  # also thousands of digits or of brackets
            why, at = getattr(error, 'msg', str(error)), getattr(error, 'pos', place)
            if why.startswith('Unterminated string') or at > len(text) - _LONGEST_WORD:
                if not last:
                    return None, len(text)
                why = f'{why}; is the file cut off?'
            self._drop(len(text[:at].encode()))
            raise self._no_json(why, number) from None
        return value, _skip_space(text, end)

    def _columns_of(self, row: Any, number: int) -> tuple[Any, ...]:
        if not isinstance(row, dict):
            raise self._no_table(f', which is a list of rows: row {number} is none')
        lacking = sorted(set(self.columns) - row.keys())
        if lacking:
            raise self._no_table(f': row {number} lacks column {", ".join(lacking)}')
        return tuple(row[column] for column in self.columns)

    def _text(self, last: bool) -> str:
        try:
            return codecs.getincrementaldecoder('utf-8')().decode(self.rest, final=last)
        except UnicodeDecodeError as error:
            raise self._no_json(f'{error.start} bytes further stands what is not UTF-8') from None

    def _drop(self, count: int) -> None:
        self.rest = self.rest[count:]
        self.offset += count

    def _no_table(self, why: str) -> ValueError:
        return ValueError(f'{self.path}: not a nuScenes table{why}; {_CURE}')

    def _no_json(self, why: str, number: int | None = None) -> ValueError:
        where = f'byte {self.offset}' if number is None else f'row {number}, byte {self.offset}'
        return ValueError(f'{self.path} is not valid JSON ({where}: {why}); {_CURE}')


def _skip_space(text: str, place: int) -> int:
    return _SPACE.match(text, place).end()
