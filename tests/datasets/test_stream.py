"""Tables read in blocks: the rows of ``json.loads`` whatever the blocks cut, and every kind of damage named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perception_kd.datasets.nuscenes.stream import iter_blocks, iter_rows

COLUMNS = ('a', 'b')
SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
tricky = st.sampled_from(['},{', '}, {', '"', '\\', ']', '[', '{"a": 1},', '\u00e9', '\U0001f697', '\ud800', ' ', '\n'])
texts = st.lists(st.one_of(tricky, st.text(max_size=3)), max_size=4).map(''.join)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)), max_leaves=6)
tables = st.lists(st.fixed_dictionaries({'a': values, 'b': values, 'c': values}), max_size=6)
layouts = st.sampled_from([
    {}, {'indent': 0}, {'indent': 3}, {'separators': (',', ':')}, {'separators': (' ,\t', '\r\n: ')}])


def read(path: Path, block_bytes: int = 1 << 17, columns: tuple[str, ...] = COLUMNS) -> list[tuple[Any, ...]]:
    return [row for block in iter_blocks(path, columns, block_bytes) for row in block]


@SETTINGS
@given(table=tables, layout=layouts, ascii=st.booleans(), block_bytes=st.integers(1, 60),
       around=st.sampled_from(['', ' ', '\n\t']))
def test_rows_are_those_of_json(tmp_path, table, layout, ascii, block_bytes, around):
    text = around + json.dumps(table, ensure_ascii=ascii, **layout) + around
    try:
        content = text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can say
        content = (around + json.dumps(table, **layout) + around).encode()
    path = tmp_path / 'table.json'
    path.write_bytes(content)
    wanted = [(row['a'], row['b']) for row in json.loads(content)]
    assert repr(read(path, block_bytes)) == repr(wanted)  # also NaN, -0.0, and 1 apart from 1.0 and True


@SETTINGS
@given(table=tables, cut=st.floats(0, 1), skip=st.integers(0, 3), block_bytes=st.integers(1, 60),
       put=st.sampled_from([b'', b',', b']', b'}', b'{', b'"', b'x', b'\xff', b'[]']))
def test_damage_is_seen_as_json_sees_it(tmp_path, table, cut, put, skip, block_bytes):
    whole = [{'a': row['a'], 'b': row['b']} for row in table]  # what is asked for: other columns are passed over
    content = json.dumps(whole).encode()
    place = int(cut * len(content))
    content = content[:place] + put + content[place + skip:]
    path = tmp_path / 'table.json'
    path.write_bytes(content)
    try:
        wanted = [(row['a'], row['b']) for row in json.loads(content.decode())]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        with pytest.raises(ValueError, match=r'table\.json.*unpack the data set again') as caught:
            read(path, block_bytes)
        assert '\n' not in str(caught.value)
        return
    assert repr(read(path, block_bytes)) == repr(wanted)


@pytest.mark.parametrize(('content', 'said'), [
    (b'', 'not valid JSON .*it is empty'),
    (b' \n', 'not valid JSON .*it is empty'),
    (b'[{"a": 1, "b": 2}, {"a": 1, "b', r'not valid JSON \(row 1, byte 28: Unterminated string.*cut off'),
    (b'[{"a": 1, "b": 2}', r'not valid JSON \(row 0, byte 17: a comma or the end'),
    (b'[{"a": 1, "b": 2},]', r'not valid JSON \(row 1, byte 18'),
    (b'[{"a": NaN, "b": 2},]', r'not valid JSON \(row 1, byte 20'),
    (b'[{"a": 1, "b": 2}] []', r'not valid JSON \(row 0, byte 17'),
    (b'{"a": 1}', 'not a nuScenes table, which is a list of rows'),
    (b'[1, 2]', 'not a nuScenes table.*row 0 is none'),
    (b'[{"a": 1, "b": 2}, 3]', 'not a nuScenes table.*row 1 is none'),
    (b'[{"a": 1, "b": 2}, {"c": 3}]', 'row 1 lacks column a, b'),
    (b'\xff\xfe[', 'not valid JSON .*byte 0'),
    (b'[{"a": "\xff", "b": 2}]', 'not valid JSON .*UTF-8'),
    (b'[{"a": ' + b'[' * 100_000 + b']}]', 'not valid JSON .*recursion'),
    (b'[{"a": ' + b'7' * 5000 + b', "b": 1}]', 'not valid JSON .*digits'),
])  # fmt: skip
@pytest.mark.parametrize('block_bytes', [1, 7, 1 << 17])
def test_damage_is_named(tmp_path, content, said, block_bytes):
    path = tmp_path / 'table.json'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read(path, block_bytes)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone\.json is missing'):
        next(iter_rows(tmp_path / 'gone.json', COLUMNS))


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / 'table.json'
    path.write_bytes(b'\xef\xbb\xbf[{"a": 1, "b": 2}]')
    assert list(iter_rows(path, ('b', 'a'))) == [(2, 1)]


def test_rows_longer_than_blocks_and_a_report_of_bytes(tmp_path):
    path, told = tmp_path / 'table.json', []
    table = [{'a': 'x' * 3000, 'b': {'c': [{}] * 100}} for _ in range(20)]
    path.write_text(json.dumps(table))
    rows = [row for block in iter_blocks(path, COLUMNS, 64, told.append) for row in block]
    assert rows == [(row['a'], row['b']) for row in table]
    assert sum(told) == path.stat().st_size and len(told) > 5


def test_early_error_does_not_read_a_large_file(tmp_path):
    path = tmp_path / 'table.json'
    path.write_bytes(b'[{"a": 1, "b": x},' + b'{"a": 1, "b": 2},' * 100_000)
    read_so_far = []
    with pytest.raises(ValueError, match='row 0, byte 15: Expecting value'):
        list(iter_blocks(path, COLUMNS, 1 << 10, read_so_far.append))
    assert not read_so_far
