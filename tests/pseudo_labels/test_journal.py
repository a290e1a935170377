"""The file of what is finished."""

import json

import pytest

from perception_kd.pseudo_labels.journal import Journal

STAMP = dict(checkpoint='abc', threshold=0.5)


def filled(path):
    with Journal(path, STAMP) as book:
        book.done('a', dict(value=1), attempts=1, seconds=0.5)
        book.failed('b', 'no picture', attempts=3)
        book.done('c', dict(value=3), attempts=2, seconds=0.5)
    return path


def test_what_was_noted_is_read_again_and_the_last_line_of_a_key_counts(tmp_path):
    path = filled(tmp_path / 'deep' / 'journal.jsonl')
    with Journal(path, STAMP) as book:
        assert book.rows == {'a': dict(value=1), 'c': dict(value=3)} and book.errors == {'b': 'no picture'}
        book.done('b', dict(value=2), attempts=1, seconds=0)
    with Journal(path, STAMP) as book:
        assert set(book.rows) == set('abc') and not book.errors
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == dict(settings=STAMP) and [line['key'] for line in lines[1:]] == ['a', 'b', 'c', 'b']


@pytest.mark.parametrize('lost', [1, 7, 30])
def test_half_a_line_of_a_killed_writer_is_cut_off_and_the_file_goes_on(tmp_path, lost):
    path = filled(tmp_path / 'journal.jsonl')
    path.write_bytes(path.read_bytes()[:-lost])
    with Journal(path, STAMP) as book:
        assert set(book.rows) == {'a'}
        book.done('c', dict(value=4), attempts=1, seconds=0)
    with Journal(path, STAMP) as book:
        assert book.rows == {'a': dict(value=1), 'c': dict(value=4)}


def test_a_journal_of_other_settings_is_refused_and_left_as_it_is(tmp_path):
    path = filled(tmp_path / 'journal.jsonl')
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"other settings \(threshold: 0.5, now 0.6\)"):
        Journal(path, {**STAMP, 'threshold': 0.6})
    assert path.read_bytes() == before
    Journal(path, dict(reversed(STAMP.items()))).close()


def test_one_process_holds_it(tmp_path):
    path = tmp_path / 'journal.jsonl'
    with Journal(path, STAMP), pytest.raises(BlockingIOError, match='another process works on it'):
        Journal(path, STAMP)
    Journal(path, STAMP).close()


@pytest.mark.parametrize('content', ['[1]\n', '{"a": 1}\n', 'words\n', '{"settings": {"a": 1}}\n{"key": "x"}\n'])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / 'journal.jsonl'
    path.write_text(content)
    with pytest.raises(ValueError, match='not a journal'):
        Journal(path, dict(a=1))
    assert path.read_text() == content
