"""One of two processes is asked to stop: both do, after the same step, and resume from there."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from perception_kd.engine.hooks.stop_signal import STOPPED, VARIABLE
from perception_kd.engine.safe_checkpoint import read_checkpoint
from perception_kd.leaving import leave
from tests.engine.hooks.test_stop_signal import Sends
from tests.engine.tiny_run import build


def worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ.update({'LOCAL_RANK': str(rank), VARIABLE: 'USR1'})
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/meeting', rank=rank, world_size=2)
    first = build(Path(folder, 'run'), epochs=4, launcher='pytorch')
    if rank == 1:
        first.register_hook(Sends(2))
    stopped = False
    try:
        first.train()
    except KeyboardInterrupt:
        stopped = True
    rest = build(Path(folder, 'run'), epochs=4, launcher='pytorch', resume=True)
    rest.train()
    steps = [len(runner.model.module.seen) for runner in (first, rest)]
    torch.save(dict(stopped=stopped, steps=steps), f'{folder}/rank{rank}.pt')
    leave()


def test_both_processes_stop_after_the_same_step(tmp_path: Path) -> None:
    """Two steps an epoch, and a question every five."""
    torch.multiprocessing.spawn(worker, args=(str(tmp_path),), nprocs=2)
    found = [torch.load(tmp_path / f'rank{rank}.pt', weights_only=True) for rank in (0, 1)]
    assert found == 2 * [dict(stopped=True, steps=[5, 3])]
    assert read_checkpoint(tmp_path / 'run' / STOPPED)['meta']['iter'] == 5
