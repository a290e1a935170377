"""Atomic files, and one clear line on bad input."""

import json
import subprocess
import sys

import pytest

from perception_kd.cli import one_line
from perception_kd.files import (
    atomic_path,
    check_file_target,
    fingerprint,
    limited_memory,
    require_file,
    require_folder,
    write_json,
)


def test_write_json_round_trip(tmp_path):
    write_json(tmp_path / 'deep' / 'a.json', {'x': [1, 2.5]})
    assert json.loads((tmp_path / 'deep' / 'a.json').read_text()) == {'x': [1, 2.5]}


def test_failure_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    target = tmp_path / 'a.txt'
    target.write_text('old')
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text('half')
        raise RuntimeError('power cut')
    assert target.read_text() == 'old'
    assert [path.name for path in tmp_path.iterdir()] == ['a.txt']


def test_writers_with_the_same_process_id_do_not_meet(tmp_path):
    """Two containers that share a folder."""
    target = tmp_path / 'a.txt'
    with atomic_path(target) as one, atomic_path(target) as other:
        one.write_text('one')
        other.write_text('other')
        assert one.read_text() == 'one'
    assert target.read_text() == 'one' and [path.name for path in tmp_path.iterdir()] == ['a.txt']


@pytest.mark.parametrize(('given', 'error', 'message'), [
    ('here', IsADirectoryError, 'table .*here is a folder; give a file'),
    ('gone', FileNotFoundError, 'table .*gone does not exist'),
])
def test_a_file_to_read(tmp_path, given, error, message):
    (tmp_path / 'here').mkdir()
    with pytest.raises(error, match=message):
        require_file(tmp_path / given, 'table')
    (tmp_path / 'a.txt').touch()
    assert require_file(tmp_path / 'a.txt') == tmp_path / 'a.txt'


@pytest.mark.parametrize(('given', 'error', 'message'), [
    ('a.txt', NotADirectoryError, 'data root .*a.txt is a file; give a folder'),
    ('gone', FileNotFoundError, 'data root .*gone does not exist'),
])
def test_a_folder_to_read(tmp_path, given, error, message):
    (tmp_path / 'a.txt').touch()
    with pytest.raises(error, match=message):
        require_folder(tmp_path / given, 'data root')
    assert require_folder(tmp_path) == tmp_path


@pytest.mark.parametrize(('given', 'message'), [
    ('here', 'here is a folder; name a file'), ('a.txt/b/c', 'a.txt is a file; name a folder'),
])
def test_places_that_take_no_file(tmp_path, given, message):
    (tmp_path / 'here').mkdir()
    (tmp_path / 'a.txt').touch()
    for write in (check_file_target, lambda path: write_json(path, {})):
        with pytest.raises(OSError, match=message) as caught:
            write(tmp_path / given)
        assert 'partial' not in str(caught.value)
    check_file_target(tmp_path / 'new' / 'b.txt')
    assert sorted(path.name for path in tmp_path.rglob('*')) == ['a.txt', 'here']


def test_a_failure_names_the_file_that_was_asked_for(tmp_path):
    def write(path):
        with atomic_path(path) as outer, atomic_path(outer) as temporary:
            temporary.open('x').close()
            temporary.mkdir()  # the system names the temporary file
    with pytest.raises(FileExistsError) as caught:
        write(tmp_path / 'a.pth')
    assert caught.value.filename == str(tmp_path / 'a.pth') and not list(tmp_path.iterdir())


def test_a_fingerprint_tells_contents_apart(tmp_path):
    names = ('same', 'again', 'begin', 'end', 'longer')
    middle = bytes(3 * 2**20)
    for name, content in zip(names, (middle, middle, b'x' + middle[1:], middle[1:] + b'x', middle + b'\0')):
        (tmp_path / name).write_bytes(content)
    found = [fingerprint(tmp_path / name) for name in names]
    assert found[0] == found[1] and len(set(found)) == 4


def run_raising(expression: str) -> subprocess.CompletedProcess:
    code = f'from perception_kd.cli import run_tool\ndef main():\n    raise {expression}\nrun_tool(main)'
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)


def test_user_error_is_one_line():
    done = run_raising("FileNotFoundError('no folder here;\\n  make it')")
    assert done.returncode == 1 and done.stderr == 'error: no folder here; make it\n'


def test_a_defect_keeps_its_traceback():
    done = run_raising("AssertionError('a defect')")
    assert done.returncode == 1 and 'Traceback' in done.stderr


def test_error_of_a_loader_worker_loses_its_traceback():
    text = ('Caught ValueError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n'
            '  File "x.py", line 3, in y\n    raise ValueError(z)\nValueError: a.jpg is cut off:\n  fetch it again\n')
    assert one_line(ValueError(text)) == 'a.jpg is cut off: fetch it again'


def test_key_error_loses_its_quotes():
    assert one_line(KeyError('unknown thing')) == 'unknown thing'


def test_limited_memory():
    with pytest.raises(MemoryError), limited_memory(2**28):
        bytearray(2**30)
    assert len(bytearray(2**30)) == 2**30  # the limit ends with the block
    with limited_memory(2**28):
        assert len(bytes(2**20)) == 2**20
