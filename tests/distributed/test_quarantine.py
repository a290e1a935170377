"""A sample that spoils the step of one process is left out by both, under DDP."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch

from perception_kd.leaving import leave
from tests.engine.test_quarantine import FILE, Data, run

BROKEN, STEEP = 3, 4  # process 1 gets the odd samples, process 0 the even ones


def worker(rank: int, folder: str) -> None:
    """One of two processes; writes its tokens and weights."""
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/meeting', rank=rank, world_size=2)
    found = {}
    for name, data in dict(broken=Data(broken=(BROKEN,)), steep=Data(steep=(STEEP,))).items():
        runner = run(Path(folder, name), data, epochs=2, most=2, batch=1, launcher='pytorch')
        core = runner.model.module
        weights = {key: value for key, value in core.state_dict().items() if 'running' not in key}
        found[name] = dict(seen=core.student.seen, weights=weights)
    torch.save(found, f'{folder}/rank{rank}.pt')
    leave()


def test_both_processes_leave_out_the_same_step(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(worker, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f'rank{rank}.pt', weights_only=True) for rank in (0, 1))
    for name, tokens in dict(broken={'token3'}, steep={'token4', 'token5'}).items():
        content = json.loads((tmp_path / name / FILE).read_text())
        assert {entry['token'] for entry in content['quarantined']} == tokens, name
        assert content['corrupt'] == ['sample 99: no header'], 'of process 1, written by process 0'
        for key, value in first[name]['weights'].items():
            assert torch.equal(value, second[name]['weights'][key]) and value.isfinite().all(), key
        later = {token for rank in (first, second) for batch in rank[name]['seen'][4:] for token in batch}
        assert not tokens & later and len(first[name]['seen']) == len(second[name]['seen']) == 8
