"""Each process of a job keeps its own random state in the one checkpoint; no GPU is needed for a job."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

from perception_kd.engine.safe_checkpoint import read_checkpoint

ROOT = Path(__file__).resolve().parents[2]
JOB = """
import os, sys
from pathlib import Path
import torch
from perception_kd.leaving import leave
from tests.engine.tiny_run import build, final_state
rank, folder = int(os.environ['RANK']), Path(sys.argv[1])
torch.set_num_threads(1)
def run(name, **settings):
    runner = build(folder / name, epochs=2, launcher='pytorch', **settings)
    torch.rand(rank)  # from here on the processes draw differently
    runner.train()
    return runner
whole = run('a')
rest = run('b', resume=True, load_from=str(folder / 'a/epoch_1.pth'))
assert whole.world_size == 2
one, two = final_state(whole), final_state(rest)
# Statistics of batch norm belong to a process; the checkpoint holds those of the first.
names = [name for name in one if rank == 0 or not ('running_' in name or name.startswith('ema.'))]
different = [name for name in names if not torch.equal(one[name], two[name])]
assert not different, different
leave()
"""


def test_two_processes_resume_each_where_it_was(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    place = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=port, WORLD_SIZE='2', CUDA_VISIBLE_DEVICES='')
    jobs = [
        subprocess.Popen(
            [sys.executable, '-c', JOB, str(tmp_path)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, **place, 'RANK': str(rank), 'LOCAL_RANK': str(rank)},
        )
        for rank in range(2)
    ]
    outputs = [job.communicate(timeout=120)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], '\n'.join(text[-2000:] for text in outputs)
    states = read_checkpoint(tmp_path / 'a/epoch_1.pth')['random_states']
    assert len(states) == 2 and not torch.equal(states[0]['torch'], states[1]['torch'])
