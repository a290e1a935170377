"""The queue in one process."""

import json
import sys
import tempfile

import pytest

from perception_kd.files import DiskFullError
from perception_kd.pseudo_labels import ray_pool
from perception_kd.pseudo_labels.queue import Workers, run
from tests.pseudo_labels.work import MakeTracing, attempts, numbers


def work_off(folder, items, **more):
    return run(items, MakeTracing(folder), journal=folder / 'journal.jsonl', stamp={}, **more)


def test_rows_come_in_the_order_of_the_items_and_what_fails_is_tried_again_after_the_others(tmp_path):
    items = {'x': 'fails', 'y': 'second', **numbers(3)}
    summary = work_off(tmp_path, items, retries=2)
    assert list(summary.rows) == ['y', 'n000', 'n001', 'n002'] and summary.rows['n002']['square'] == 4
    assert summary.failed == {'x': 'x cannot be done'} and summary.earlier == 0
    assert len(attempts(tmp_path, 'x')) == 3 and len(attempts(tmp_path, 'y')) == 2
    lines = [json.loads(line) for line in (tmp_path / 'journal.jsonl').read_text().splitlines()[1:]]
    assert [(line['key'], line['attempts']) for line in lines] == [
        ('n000', 1), ('n001', 1), ('n002', 1), ('y', 2), ('x', 3)]


def test_a_second_run_does_what_is_new_what_failed_and_what_lost_its_files(tmp_path):
    work_off(tmp_path, {**numbers(3), 'x': 'fails'}, retries=0)
    summary = work_off(tmp_path, {'x': 7, **numbers(4)}, kept=lambda key, row: key != 'n001')
    assert list(summary.rows) == ['x', 'n000', 'n001', 'n002', 'n003'] and not summary.failed
    assert summary.rows['x']['square'] == 49 and summary.earlier == 2
    assert [len(attempts(tmp_path, key)) for key in summary.rows] == [2, 1, 2, 1, 1]
    assert work_off(tmp_path, numbers(4)).earlier == 4


def test_an_interrupted_run_goes_on(tmp_path):
    def interrupting(ended, what, total):
        assert total == 5
        for number, key in enumerate(ended):
            if number == 2:
                raise KeyboardInterrupt
            yield key

    with pytest.raises(KeyboardInterrupt):
        work_off(tmp_path, numbers(5), progress=interrupting)
    summary = work_off(tmp_path, numbers(5))
    assert summary.earlier == 3 and len(summary.rows) == 5 and len(list(tmp_path.glob('n*'))) == 5


def test_a_full_disk_ends_the_run_and_other_errors_name_their_place(tmp_path):
    def full(key, item):
        raise DiskFullError('no space left')

    def wrong(key, item):
        return {}[item]() or 1 / 0

    with pytest.raises(OSError, match='no space left'):
        run({'a': 1}, lambda: full, journal=tmp_path / 'full', stamp={})
    failed = run({'a': 1}, lambda: lambda key, item: 1 / 0, journal=tmp_path / 'wrong', stamp={}, retries=0).failed
    assert 'ZeroDivisionError: division by zero' in failed['a'] and 'test_queue.py' in failed['a']


def test_what_cannot_be(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match='0 items'):
        work_off(tmp_path, {})
    with pytest.raises(ValueError, match='-1 retries'):
        work_off(tmp_path, numbers(1), retries=-1)
    with pytest.raises(ValueError, match='0 or more'):
        Workers(-1)
    with pytest.raises(FileNotFoundError, match='no folder for traces'):
        run(numbers(1), MakeTracing(tmp_path / 'none'), journal=tmp_path / 'j', stamp={})
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(ImportError, match=r'pip install "perception_kd\[pseudo\]"'):
        work_off(tmp_path, numbers(4), workers=2)


def test_the_folder_of_rays_sockets_has_a_short_name(tmp_path, monkeypatch):
    deep = tmp_path / ('d' * 80)
    deep.mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(deep))
    monkeypatch.setattr(ray_pool, '_FOLDERS', ())
    with pytest.raises(ValueError, match='too long for the sockets of Ray'):
        ray_pool._folder()
