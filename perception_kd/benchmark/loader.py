"""Throughput of our nuScenes training pipeline beside mmdet3d's transforms doing the same steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

from perception_kd.benchmark.loader_check import check_same
from perception_kd.benchmark.loader_sides import SCALE, TURN_DEG, Common, LoaderSide, our_side, their_side, whole_side
from perception_kd.benchmark.stage_clock import StageClock
from perception_kd.benchmark.timing import Spread, machine, turns, versions
from perception_kd.engine.build import require
from perception_kd.engine.quiet_log import quiet_log

OTHER, OURS, SHRUNK, WHOLE = 'mmdet3d', 'ours', 'shrunk JPEG', 'whole pipeline'
CHECKED = 8  # samples that are compared before anything is timed


@dataclass(frozen=True)
class LoaderCase:
    """What is measured.

    Args:
        workers: Numbers of loader processes; 0: in this one.
        samples: In a run; a smaller data set is gone through again.
        runs: Measured runs of each side.
    """

    workers: tuple[int, ...] = (0, 1, 2)
    samples: int = 64
    runs: int = 5

    def __post_init__(self) -> None:
        if not self.workers or min(self.workers) < 0 or min(self.samples, self.runs) < 1:
            raise ValueError('--workers are 0 or more, --samples and --runs 1 or more')


@dataclass
class LoaderReport:
    """Runs of every side: ``mmdet3d`` and ``ours`` do the same; ``shrunk JPEG`` lets the decoder shrink the pictures,
    as the config has it; ``whole pipeline`` is the config's as it is, with all that mmdet3d has no transforms for.

    Attributes:
        setting: Case, config, data, steps.
        seconds: Of a run of ``samples`` samples, by number of workers and side.
        steps: Of a step on one sample, by side and step; no workers.
        max_difference: Between ``ours`` and ``mmdet3d``, of the samples that were compared.
    """

    setting: dict[str, Any]
    seconds: dict[str, dict[str, list[float]]]
    steps: dict[str, dict[str, list[float]]]
    max_difference: dict[str, float]
    benchmark: str = 'loader'

    @property
    def samples_per_second(self) -> dict[str, dict[str, Spread]]:
        """By number of workers and side."""
        return {workers: {side: Spread.of([self.setting['samples'] / run for run in runs])
                          for side, runs in sides.items()} for workers, sides in self.seconds.items()}

    @property
    def ratio(self) -> dict[str, float]:
        """mmdet3d's median seconds over ours, by number of workers: above 1, ours is faster."""
        return {workers: sides[OURS].median / sides[OTHER].median
                for workers, sides in self.samples_per_second.items()}

    def to_json(self) -> dict[str, Any]:
        """Everything, with medians and quartiles."""
        def spread(found: Mapping[str, Mapping[str, list[float]]]) -> dict[str, Any]:
            return {name: {part: Spread.of(runs)._asdict() for part, runs in parts.items()}
                    for name, parts in found.items()}
        rates = {workers: {side: rate._asdict() for side, rate in sides.items()}
                 for workers, sides in self.samples_per_second.items()}
        return dict(benchmark=self.benchmark, setting=self.setting, seconds=self.seconds, spread=spread(self.seconds),
                    samples_per_second=rates, ratio=self.ratio, steps=self.steps, steps_spread=spread(self.steps),
                    max_difference=self.max_difference, machine=machine(), versions=versions())

    def table(self) -> str:
        """Samples per second by workers, ms by step of the sides that share them, ms of the whole pipeline."""
        shared = [side for side in self.steps if side != WHOLE]
        lines = [f'{"samples/s: median (quartiles)":32s}' + ''.join(f'{side:>26s}' for side in self.steps)]
        for workers, sides in self.samples_per_second.items():
            lines.append(f'{workers + " workers":32s}' + ''.join(
                f'{f"{rate.median:.1f} ({rate.low:.1f}-{rate.high:.1f})":>26s}' for rate in sides.values()))
        lines.append(f'{"ms a sample: median (quartiles)":32s}' + ''.join(f'{side:>26s}' for side in shared))
        lines += [f'{step:32s}' + ''.join(f'{Spread.of(self.steps[side][step]).ms():>26s}' for side in shared)
                  for step in self.steps[OURS]]
        lines.append(f'{WHOLE + ", ms a sample":32s}')
        lines += [f'{step:32s}{Spread.of(runs).ms():>26s}' for step, runs in self.steps[WHOLE].items()]
        found = self.max_difference
        lines.append(f'compared {self.setting["compared"]} samples of both: pictures differ by up to '
                     f'{found["pictures"]:.0f} grey levels, points by {found["points"]:.1e}, boxes by '
                     f'{found["boxes"]:.1e} m, rad, m/s')
        if (shift := self.setting['past_sweeps_shifted_m']) > found['points']:
            lines.append(f'(beyond that, mmdet3d shifts past sweeps by up to {shift:.3f} m where the car turns)')
        lines += [f'{workers} workers: ours gives {ratio:.2f} times the samples of mmdet3d'
                  for workers, ratio in self.ratio.items()]
        return '\n'.join(lines)


def benchmark_loader(cfg: Config, case: LoaderCase) -> LoaderReport:
    """Compare what both sides make of some samples, then time them turn by turn, in and without workers.

    Args:
        cfg: Whose training data set and pipeline are measured.
        case: What is measured.

    Raises:
        ValueError: the pipelines cannot be compared, or make different things of a sample.
        FileNotFoundError: the data is not there.
    """
    require(cfg, 'train_dataloader')
    init_default_scope(cfg.get('default_scope', 'perception_kd'))
    cv2.setNumThreads(0)  # as in training
    common = Common.of(cfg)
    with quiet_log():  # mmdet3d's data set counts its boxes
        sides = {OTHER: their_side(common), OURS: our_side(common)}
    if (scale := common.steps['LoadMultiViewImages'].get('decode_scale', 1)) > 1:
        sides[SHRUNK] = our_side(common, decode_scale=scale)
    sides[WHOLE] = whole_side(cfg)
    count = len(sides[OURS])
    compared = [check_same(sides[OURS], sides[OTHER], place * count // min(CHECKED, count))
                for place in range(min(CHECKED, count))]
    setting = dict(
        vars(case), config=Path(cfg.filename or '').name, batch=cfg.train_dataloader.get('batch_size', 1),
        info_file=Path(sides[OURS].dataset.ann_file).name, version=sides[OURS].dataset.metainfo['version'],
        data_set=count, compared=len(compared), picture=common.size, resized=common.resized, final=common.final_size,
        turn_deg=TURN_DEG, scale=SCALE, decode_scale=scale,
        points_kept=sum(found.pop('points_kept') for found in compared),
        boxes_kept=sum(found.pop('boxes_kept') for found in compared),
        past_sweeps_shifted_m=max(found.pop('shift') for found in compared), transforms=_names(sides))
    differences = {name: max(found[name] for found in compared) for name in compared[0]}
    indices = list(islice(cycle(range(count)), case.samples))
    seconds = {str(workers): _throughput(sides, indices, workers, setting['batch'], case.runs)
               for workers in case.workers}
    return LoaderReport(setting, seconds, _steps(sides, indices), differences)


def _names(sides: Mapping[str, LoaderSide]) -> dict[str, dict[str, list[str]]]:
    """Transforms of every side and step."""
    return {name: {step: [type(one).__name__ for one in transforms] for step, transforms in side.steps.items()}
            for name, side in sides.items()}


def _throughput(sides: Mapping[str, LoaderSide], indices: list[int], workers: int, batch: int,
                runs: int) -> dict[str, list[float]]:
    """Seconds of each run through the indices; workers stay from run to run, and wait while another side works."""
    loaders = {name: DataLoader(side, batch_size=batch, sampler=indices, num_workers=workers,
                                persistent_workers=workers > 0, collate_fn=pseudo_collate)
               for name, side in sides.items()}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for name in loaders:
        _run(loaders[name])  # starts the workers, and brings the files into the system's cache
    for name in turns(loaders, runs):
        seconds[name].append(_run(loaders[name]))
    return seconds


def _run(loader: DataLoader) -> float:
    start = perf_counter()
    for _ in loader:
        pass
    return perf_counter() - start


def _steps(sides: Mapping[str, LoaderSide], indices: list[int]) -> dict[str, dict[str, list[float]]]:
    """Seconds of each step, sample by sample; ``total`` is that of a whole sample."""
    clock = StageClock()
    seconds: dict[str, dict[str, list[float]]] = {name: {} for name in sides}
    for place, name in enumerate(turns(sides, len(indices))):
        side, index = sides[name], indices[place // len(sides)]
        found = clock.measure(lambda side=side, index=index: side[index])
        for step in [step for step in found if step != 'rest']:
            seconds[name].setdefault(step, []).append(found[step])
    return seconds
