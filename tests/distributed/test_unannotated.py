"""Two processes whose batches are annotated differently: nobody waits, and gradients are those of one process."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
from datetime import timedelta
from pathlib import Path

import torch
from mmengine.model import MMDistributedDataParallel

from perception_kd.leaving import leave
from tests.distributed.test_imkd import distiller, step

BATCHES = [
    [dict(seed=1, boxes=5, annotated=False), dict(seed=2, boxes=3), dict(seed=3, annotated=False),
     dict(seed=4, annotated=False)],
    [dict(seed=5, annotated=False), dict(seed=6, annotated=False)]]
"""One annotated sample, in the first process; none anywhere."""


def worker(rank: int, folder: str) -> None:
    """Trains on its half of each batch and writes what it did; a wait that does not end is an error."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/meeting', rank=rank, world_size=2,
                                         timeout=timedelta(seconds=60))
    traces = []
    for batch in BATCHES:
        half = len(batch) // 2
        model = MMDistributedDataParallel(distiller(), find_unused_parameters=False)
        traces.append(step(model, [batch[half * rank:half * (rank + 1)]]))
    torch.save(traces, f'{folder}/rank{rank}.pt')
    leave()


def test_gradients_equal_one_process_with_the_double_batch(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(worker, args=(str(tmp_path),), nprocs=2)
    found = [torch.load(tmp_path / f'rank{rank}.pt', weights_only=True) for rank in range(2)]
    for place, batch in enumerate(BATCHES):
        alone = step(distiller(), [batch])
        for name, expected in alone.items():
            values = [one[place][name] for one in found]
            if name.startswith('log.'):
                torch.testing.assert_close(torch.stack(values).mean(0), expected, rtol=1e-3, atol=1e-5, msg=name)
                continue
            size = float(expected.abs().max())
            assert torch.equal(*values), name
            torch.testing.assert_close(values[0], expected, rtol=2e-3, atol=1e-4 * size + 1e-6, msg=name)
        needing = [name for name in alone if 'label_to_fused' in name or ('task0' in name and name.startswith('log.'))]
        assert len(needing) > 3
        assert all(bool(alone[name].any()) == (place == 0) for name in needing if name.startswith('log.'))
        assert alone['log.loss_distill.lidar_to_fused'] > 0 and alone['log.loss_depth'] > 0
