"""Two workers by Ray, killed half-way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pseudo_labels.work import attempts, numbers

pytest.importorskip('ray')
ITEMS, HALF = 40, 12
ROOT = Path(__file__).parents[2]


def start(folder, seconds, *more, **switches):
    command = [sys.executable, '-m', 'tests.pseudo_labels.work', str(folder), str(ITEMS), str(seconds), *more]
    return subprocess.Popen(command, cwd=ROOT, text=True, **switches)


def lines(folder):
    path = folder / 'journal.jsonl'
    whole = path.read_text().rpartition('\n')[0] if path.is_file() else ''
    return [json.loads(line) for line in whole.splitlines()[1:]]


def wait_for(done, seconds=90):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_a_run_killed_half_way_goes_on_without_loss_or_duplicates(tmp_path):
    with start(tmp_path, 0.1, stdout=subprocess.DEVNULL) as first:
        wait_for(lambda: len(lines(tmp_path)) >= HALF or first.poll() is not None)
        os.kill(first.pid, signal.SIGKILL)
    before = lines(tmp_path)
    workers = {line['row']['pid'] for line in before}
    assert HALF <= len(before) < ITEMS and len(workers) == 2
    wait_for(lambda: not any(map(alive, workers)))  # they end with their parent

    with start(tmp_path, 0.0, 'bad=fails', 'late=second', 'gone=dies', stdout=subprocess.PIPE) as second:
        told = second.communicate(timeout=90)[0]
    summary = json.loads(told.splitlines()[-1])
    assert second.returncode == 0 and summary['earlier'] == len(before)
    assert list(summary['rows']) == [*numbers(ITEMS), 'late', 'gone']
    assert all(summary['rows'][key]['square'] == number ** 2 for key, number in numbers(ITEMS).items())
    assert summary['failed'] == {'bad': 'bad cannot be done'}

    keys = [line['key'] for line in lines(tmp_path)]
    assert sorted(keys) == sorted([*numbers(ITEMS), 'bad', 'late', 'gone'])  # each once
    tries = {key: len(attempts(tmp_path, key)) for key in keys}
    assert all(tries[line['key']] == 1 for line in before)  # what was finished is not done again
    assert sum(tries[key] - 1 for key in numbers(ITEMS)) <= 2  # but what the two had in hand
    assert (tries['bad'], tries['late'], tries['gone']) == (3, 2, 2)
    assert not any(map(alive, {row['pid'] for row in summary['rows'].values()}))
