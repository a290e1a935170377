"""A process of a job leaves with its status, with all that it wrote, and without taking torch apart."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

JOB = """
import atexit, sys, threading, time
class Held:
    def __del__(self):
        print('taken apart')
held = Held()
atexit.register(print, 'at exit')
def last():
    time.sleep(0.2)
    print('thread')
threading.Thread(target=last).start()
if sys.argv[1] == 'job':
    import torch
    torch.distributed.init_process_group('gloo', init_method=f'file://{sys.argv[2]}/meeting', rank=0, world_size=1)
from perception_kd.cli import run_tool
def main():
    if sys.argv[3] == 'error':
        raise ValueError('no such thing')
    return int(sys.argv[3])
run_tool(main)
"""


@pytest.mark.parametrize('kind,given,status', [
    ('job', '0', 0), ('job', '3', 3), ('job', 'error', 1), ('alone', '3', 3)])
def test_leave(kind: str, given: str, status: int, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, '-c', JOB, kind, str(tmp_path), given], capture_output=True, text=True,
                          timeout=60, cwd=root, env={**os.environ, 'CUDA_VISIBLE_DEVICES': ''})
    assert done.returncode == status, done.stderr
    assert done.stdout.split('\n')[:2] == ['thread', 'at exit']
    assert ('taken apart' in done.stdout) == (kind == 'alone')
    assert ('error: no such thing' in done.stderr) == (given == 'error')


def test_one_that_failed_is_not_waited_for(tmp_path: Path) -> None:
    """The other process ends with its own status, and says why it did not wait."""
    job = """
import sys, torch
from perception_kd.leaving import leave
rank = int(sys.argv[2])
torch.distributed.init_process_group('gloo', init_method=f'file://{sys.argv[1]}/meeting', rank=rank, world_size=2)
leave(rank)
"""
    root = Path(__file__).resolve().parents[1]
    jobs = [subprocess.Popen([sys.executable, '-c', job, str(tmp_path), str(rank)], cwd=root, text=True,
                             stderr=subprocess.PIPE) for rank in range(2)]
    said = [job.communicate(timeout=60)[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 1], said
    assert 'another process of this job is gone' in said[0] and not said[1]
