"""Work in processes: results, errors, and workers that end."""

from __future__ import annotations

import os
import signal

import pytest

from perception_kd.processes import run_unordered


def double(number: int) -> int:
    return 2 * number


def fail(number: int) -> int:
    if number == 3:
        raise ValueError('three is bad')
    return number


def die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_every_result_comes_once(workers):
    assert sorted(run_unordered(double, range(20), workers=workers, method='fork')) == list(range(0, 40, 2))


@pytest.mark.parametrize('workers', [1, 2])
def test_an_error_comes_through(workers):
    with pytest.raises(ValueError, match='three is bad'):
        list(run_unordered(fail, range(20), workers=workers, method='fork'))


def test_a_worker_that_is_killed_is_told_instead_of_waited_for():
    with pytest.raises(ChildProcessError, match=r'worker process was killed from outside .*fewer --workers need less'):
        list(run_unordered(die, range(20), workers=2, method='fork'))
