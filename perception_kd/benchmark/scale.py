"""Throughput of a training step on one process and on several, each time in fresh processes, turn by turn.

Strong scaling shares one batch out (Amdahl, AFIPS 1967), weak scaling gives each process a batch of that size
(Gustafson, CACM 31, 1988). The efficiency of N processes is, for both, their samples per second over N times those of
one.
"""

from __future__ import annotations

import copy
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.config import Config
from rich.console import Console
from rich.progress import track
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from perception_kd.benchmark.scale_process import ERROR, RESULT, ScaleJob, run_process
from perception_kd.benchmark.step import allow_random_teachers, with_live_teachers
from perception_kd.benchmark.synthetic import BatchShape
from perception_kd.benchmark.timing import Spread, machine, versions
from perception_kd.engine.build import require
from perception_kd.engine.switches import apply_amp

ALONE = '1 process'


@dataclass(frozen=True)
class ScaleCase:
    """What is measured.

    Args:
        processes: Numbers of processes beside one alone.
        batch: Samples a step of one process; shared out in strong scaling, of each process in weak.
        steps: Measured steps of a run.
        runs: Of each side, in fresh processes.
        device: ``cpu``, or ``cuda``: a GPU each.
        amp: ``auto``, ``bf16``, ``fp16``; None: float32.
        data: Take batches of the training loader, read before the clock starts; else random ones.
        threads: Of each process on the CPU.

    Raises:
        ValueError: Numbers that cannot be.
    """

    processes: tuple[int, ...] = (2,)
    batch: int = 2
    steps: int = 10
    runs: int = 3
    device: str = 'cpu'
    amp: str | None = None
    data: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        if not self.processes or min(self.processes) < 2 or len(set(self.processes)) < len(self.processes):
            raise ValueError(f'--processes are different numbers of 2 or more, beside one alone; got {self.processes}')
        if self.batch < 1 or any(self.batch % number for number in self.processes):
            raise ValueError(f'--batch {self.batch} is shared out: it must be a multiple of --processes '
                             f'{" ".join(map(str, self.processes))}')
        if min(self.steps, self.runs, self.threads) < 1:
            raise ValueError('--steps, --runs and --threads are 1 or more')

    def sides(self) -> dict[str, tuple[int, int]]:
        """Processes, and samples a step of each, by name."""
        found = {ALONE: (1, self.batch)}
        for number in self.processes:
            found[f'strong, {number} processes'] = (number, self.batch // number)
            found[f'weak, {number} processes'] = (number, self.batch)
        return found


@dataclass
class ScaleReport:
    """Runs of every side.

    Attributes:
        setting: Case, config.
        sides: Processes, and samples a step of each.
        seconds: Of a step, one number a run.
        samples: Of a step, over all processes.
    """

    setting: dict[str, Any]
    sides: dict[str, tuple[int, int]]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    samples: dict[str, float] = field(default_factory=dict)
    benchmark: str = 'scale'

    def throughput(self, side: str) -> Spread:
        """Samples a second."""
        return Spread.of([self.samples[side] / seconds for seconds in self.seconds[side]])

    def efficiency(self, side: str) -> float:
        """By medians; 1: each process gets as much done as one alone."""
        return self.throughput(side).median / (self.sides[side][0] * self.throughput(ALONE).median)

    def to_json(self) -> dict[str, Any]:
        """Everything, with medians and quartiles."""
        sides = {name: dict(processes=processes, batch=batch) for name, (processes, batch) in self.sides.items()}
        spread = {side: Spread.of(runs)._asdict() for side, runs in self.seconds.items()}
        return dict(benchmark=self.benchmark, setting=self.setting, sides=sides, seconds=self.seconds, spread=spread,
                    samples=self.samples,
                    samples_per_second={side: self.throughput(side)._asdict() for side in self.sides},
                    efficiency={side: self.efficiency(side) for side in self.sides}, machine=machine(),
                    versions=versions())

    def table(self) -> str:
        """A line a side."""
        lines = [f'{"":22s} {"batch each":>10s} {"ms a step: median (quartiles)":>32s} {"samples/s":>10s} '
                 f'{"efficiency":>10s}']
        for side, (_, batch) in self.sides.items():
            lines.append(f'{side:22s} {batch:10d} {Spread.of(self.seconds[side]).ms():>32s} '
                         f'{self.throughput(side).median:10.2f} {self.efficiency(side):10.2f}')
        most, cores = max(number for number, _ in self.sides.values()), len(os.sched_getaffinity(0))
        threads = self.setting['threads']
        if self.setting['device'] == 'cpu' and most * threads > cores:
            lines.append(f'{most} processes with {threads} threads each share {cores} cores: that cannot scale')
        return '\n'.join(lines)


def benchmark_scale(cfg: Config, case: ScaleCase) -> ScaleReport:
    """Time training steps. Teachers run live; those without a checkpoint teach with random weights.

    Args:
        cfg: Of a distiller or a student.
        case: What is measured.

    Raises:
        ValueError: The config has no training, or there are not so many GPUs.
        ChildProcessError: A process failed; says why.
    """
    require(cfg, 'model', 'optim_wrapper', 'train_dataloader')
    cuda = case.device != 'cpu'
    if cuda and max(case.processes) > torch.cuda.device_count():
        raise ValueError(f'--processes {max(case.processes)}: a GPU each, and there are {torch.cuda.device_count()}')
    cfg = copy.deepcopy(cfg)
    if not case.data:
        BatchShape.of(cfg, training=True)
    if case.amp is not None:
        apply_amp(cfg, case.amp)
    allow_random_teachers(cfg.model)
    cfg.model = with_live_teachers(cfg.model)
    report = ScaleReport(dict(asdict(case), config=Path(cfg.filename or '').name), case.sides())
    turns = [side for _ in range(case.runs) for side in report.sides]
    for side in track(turns, 'runs', console=Console(stderr=True)):
        processes, batch = report.sides[side]
        job = ScaleJob(cfg=cfg, processes=processes, batch=batch, steps=case.steps, device='cuda' if cuda else 'cpu',
                       data=case.data, threads=case.threads)
        found = measure(job)
        report.seconds.setdefault(side, []).append(found['seconds'])
        report.samples[side] = found['samples']
    return report


def measure(job: ScaleJob) -> dict[str, float]:
    """Run the processes of a side: ``seconds`` and ``samples`` of a step.

    Raises:
        ChildProcessError: One failed; the others are ended.
    """
    with TemporaryDirectory() as folder:
        context = torch.multiprocessing.spawn(run_process, args=(job, folder), nprocs=job.processes, join=False)
        try:
            while not context.join():
                pass
        except (ProcessExitedException, ProcessRaisedException):
            errors = sorted(Path(folder).glob(f'{ERROR}*'), key=lambda file: file.stat().st_mtime)
            why = errors[0].read_text() if errors else 'it was killed from outside (did the memory run out?)'
            number = f'{job.processes} processes' if job.processes > 1 else ALONE
            raise ChildProcessError(f'training on {number} failed: {why}') from None
        return json.loads(Path(folder, RESULT).read_text())
