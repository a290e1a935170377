"""Time and memory of work in a fresh process."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
import pytest

from perception_kd.benchmark.child import run_in_child


def hold(megabytes: int, in_child: int) -> None:
    """Hold memory, and more in a child."""
    block = np.ones(megabytes << 17)
    if in_child:
        child = multiprocessing.get_context('fork').Process(target=hold, args=(in_child, 0))
        child.start()
        child.join()
    time.sleep(0.2)
    assert block.all()


def test_memory_of_a_family_counts():
    alone = run_in_child(hold, 100, 0, every=0.02)
    family = run_in_child(hold, 100, 200, every=0.02)
    assert alone.seconds > 0.2 and family.seconds > 0.4
    assert 180e6 < family.peak_bytes - alone.peak_bytes < 250e6


def test_work_that_fails():
    with pytest.raises(ChildProcessError, match=r'hold failed in its process \(status 1\)'):
        run_in_child(hold, 'x', 0)
