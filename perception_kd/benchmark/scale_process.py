"""One process of a training that is timed, alone or beside others."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip

import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.utils import import_modules_from_strings
from torch import distributed, nn

from perception_kd.benchmark.step import LATE, WARM_UP, endless
from perception_kd.benchmark.synthetic import BatchShape, make_batch
from perception_kd.cli import one_line
from perception_kd.engine.build import naming_config
from perception_kd.engine.launch import parallel_settings
from perception_kd.engine.runner import DistillRunner
from perception_kd.files import write_json
from perception_kd.leaving import leave
from perception_kd.registry import MODELS

RESULT, ERROR = 'result.json', 'error'


@dataclass(frozen=True)
class ScaleJob:
    """What the processes of one side do.

    Args:
        cfg: Of a student or a distiller; teachers run live.
        processes: So many.
        batch: Samples a step of each.
        steps: Measured steps.
        device: ``cpu``, or ``cuda``: a GPU each.
        data: Take batches of the training loader, read before the clock starts; else random ones.
        threads: Of each process on the CPU.
    """

    cfg: Config
    processes: int
    batch: int
    steps: int
    device: str = 'cpu'
    data: bool = False
    threads: int = 1


def run_process(rank: int, job: ScaleJob, folder: str) -> None:
    """Train; the first process writes ``result.json`` into ``folder``, one that fails ``error<rank>``."""
    try:
        seconds, samples = _train(rank, job, folder)
    except Exception as error:
        Path(folder, f'{ERROR}{rank}').write_text(f'{type(error).__name__}: {one_line(error)}')
        raise
    if rank == 0:
        write_json(Path(folder, RESULT), dict(seconds=seconds, samples=samples))
    leave()


def _train(rank: int, job: ScaleJob, folder: str) -> tuple[float, float]:
    """Seconds and samples of a step, over all processes."""
    warnings.filterwarnings('ignore', message='`broadcast_buffers`')  # each process would say so
    torch.set_num_threads(job.threads)
    os.environ['LOCAL_RANK'] = str(rank)
    if job.device != 'cpu':
        torch.cuda.set_device(rank)
    if job.processes > 1:
        distributed.init_process_group('gloo' if job.device == 'cpu' else 'nccl', rank=rank,
                                       init_method=f'file://{folder}/meeting', world_size=job.processes)
    model = _built(rank, job)
    wrapper = build_optim_wrapper(model, job.cfg.optim_wrapper)
    batches = list(islice(_batches(rank, job), job.steps + WARM_UP))
    for batch in batches[:WARM_UP]:
        model.train_step(batch, wrapper)
    _meet(job)
    start = time.perf_counter()
    for batch in batches[WARM_UP:]:
        model.train_step(batch, wrapper)
    _meet(job)
    seconds = (time.perf_counter() - start) / job.steps
    samples = torch.tensor(sum(len(batch['data_samples']) for batch in batches[WARM_UP:]) / job.steps)
    if job.processes > 1:
        samples = samples.to(job.device)
        distributed.all_reduce(samples)
    return seconds, float(samples)


def _built(rank: int, job: ScaleJob) -> nn.Module:
    """The model in training, as the Runner wraps it."""
    cfg = job.cfg
    if cfg.get('custom_imports'):
        import_modules_from_strings(**cfg.custom_imports)
    init_default_scope(cfg.get('default_scope', 'perception_kd'))
    torch.manual_seed(0)
    with naming_config(cfg):
        model = MODELS.build(cfg.model).to(job.device).train()
    if hasattr(model, 'set_progress'):
        model.set_progress(LATE, LATE, 2 * LATE, 2 * LATE)
    if job.processes == 1:
        return model
    settings = parallel_settings(cfg, cfg.get('model_wrapper_cfg'))
    settings.pop('type', None)
    return MMDistributedDataParallel(model, **{**settings, 'device_ids': None if job.device == 'cpu' else [rank]})


def _batches(rank: int, job: ScaleJob) -> Iterator[dict[str, Any]]:
    if not job.data:
        return repeat(make_batch(BatchShape.of(job.cfg, training=True), batch=job.batch, seed=rank))
    loader = DistillRunner.build_dataloader({**job.cfg.train_dataloader, 'batch_size': job.batch, 'num_workers': 0},
                                            seed=0)
    if len(loader) < 1:
        raise ValueError(f'the training data does not fill a batch of {job.batch} for each of {job.processes} '
                         'processes')
    return endless(loader)


def _meet(job: ScaleJob) -> None:
    """Wait for the device, then for the other processes."""
    if job.device != 'cpu':
        torch.cuda.synchronize()
    if job.processes > 1:
        distributed.barrier()
