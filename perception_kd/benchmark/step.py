"""Time and memory of a training step: the student alone, distilled, and distilled from teachers with a cache."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn

from perception_kd.benchmark.memory import peak_bytes, tensor_bytes
from perception_kd.benchmark.stage_clock import StageClock
from perception_kd.benchmark.synthetic import BatchShape, make_batch
from perception_kd.benchmark.timing import Spread, machine, versions
from perception_kd.distill.teacher_cache import CachedTeacher
from perception_kd.engine.build import naming_config, require
from perception_kd.engine.hooks.teacher_cache import cached_teachers
from perception_kd.engine.switches import apply_amp
from perception_kd.export.student import student_config
from perception_kd.registry import MODELS
from perception_kd.stages import stage

PARTS = ('teachers', 'forward', 'pairs', 'backward', 'optimiser', 'total')
LATE = 10**6  # iterations and epochs: every pair at its final weight
WARM_UP = 2
FROZEN = ('FrozenTeacher', 'CachedTeacher')


@dataclass(frozen=True)
class StepCase:
    """What is measured.

    Args:
        device: ``cpu`` or ``cuda``.
        batch: Samples a step.
        amp: ``auto``, ``bf16``, ``fp16``; None: float32.
        data: Take batches of the training loader; else random ones.
        runs: Measured steps of each side.
    """

    device: str = 'cpu'
    batch: int = 1
    amp: str | None = None
    data: bool = False
    runs: int = 5


@dataclass
class StepReport:
    """Runs of every part of a step, by side: ``student``; ``distilled`` where the config distils; ``cached`` where it
    has cached teachers, which ``distilled`` then runs live.

    Attributes:
        setting: Case, config, shapes.
        seconds: Per side and part, one number a run.
        held: Bytes between two steps: weights, optimiser state and teachers.
        peak: Bytes that a step adds to these at its peak: activations and gradients, which a step frees again. The
            sum is what training takes beside the batch.
    """

    setting: dict[str, Any]
    seconds: dict[str, dict[str, list[float]]]
    peak: dict[str, int]
    held: dict[str, int]
    benchmark: str = 'step'

    @property
    def ratios(self) -> dict[str, float]:
        """The median of the steps of ``distilled`` and ``cached`` over the bare one's."""
        medians = {side: Spread.of(parts['total']).median for side, parts in self.seconds.items()}
        return {side: median / medians['student'] for side, median in medians.items() if side != 'student'}

    @property
    def ratio(self) -> float | None:
        """That of ``distilled``."""
        return self.ratios.get('distilled')

    def to_json(self) -> dict[str, Any]:
        """Everything, with medians and quartiles."""
        spread = {side: {part: Spread.of(runs)._asdict() for part, runs in parts.items()}
                  for side, parts in self.seconds.items()}
        return dict(benchmark=self.benchmark, setting=self.setting, seconds=self.seconds, spread=spread,
                    ratio=self.ratio, ratios=self.ratios, peak_bytes=self.peak, held_bytes=self.held, machine=machine(),
                    versions=versions())

    def table(self) -> str:
        """A line a part: median and quartiles in ms per side; then memory."""
        lines = [f'{"ms: median (quartiles)":24s}' + ''.join(f'{side:>28s}' for side in self.seconds)]
        for part in PARTS:
            if any(part in parts for parts in self.seconds.values()):
                lines.append(f'{part:24s}' + ''.join(
                    f'{Spread.of(parts[part]).ms() if part in parts else "":>28s}' for parts in self.seconds.values()))
        for title, found in (('held between steps, MiB', self.held), ('and at the peak, MiB', self.peak)):
            lines.append(f'{title:24s}' + ''.join(f'{found[side] / 2**20:28.1f}' for side in self.seconds))
        lines += [f'a {side} step takes {ratio:.2f} times a bare one' for side, ratio in self.ratios.items()]
        return '\n'.join(lines)


def benchmark_step(cfg: Config, case: StepCase) -> StepReport:
    """Time training steps, side by side in turn. Teachers without a checkpoint teach with random weights.

    Cached teachers are timed twice, live, and with a temporary cache that holds every sample.

    Args:
        cfg: Of a distiller, a student or a label encoder.
        case: What is measured.

    Raises:
        ValueError, FileNotFoundError: The config cannot be built, or its data is not there.
    """
    require(cfg, 'model', 'optim_wrapper', 'train_dataloader')
    cfg = copy.deepcopy(cfg)
    shape = BatchShape.of(cfg, training=True)
    if case.amp is not None:
        apply_amp(cfg, case.amp)
    models = models_of(cfg)
    batches = list(islice(_batches(cfg, shape, case), case.runs + 1))
    with TemporaryDirectory() as folder:
        if 'cached' in models:
            _fill(models['cached'], batches, folder, case.device)
        sides = {name: _Side(cfg, model, case) for name, model in models.items()}
        return _measure(cfg, case, sides, batches, shape)


def _measure(cfg: Config, case: StepCase, sides: dict[str, _Side], batches: list[dict[str, Any]],
             shape: BatchShape) -> StepReport:
    for side in sides.values():
        for batch in repeat(batches[-1], WARM_UP):
            side.step(batch)
    clock = StageClock(case.device, PARTS)
    seconds: dict[str, dict[str, list[float]]] = {name: {} for name in sides}
    for batch in batches[:-1]:
        for name, side in sides.items():
            for part, taken in clock.measure(lambda side=side, batch=batch: side.step(batch)).items():
                seconds[name].setdefault(part, []).append(taken)
    peak = {name: peak_bytes(lambda side=side: side.step(batches[-1]), case.device) for name, side in sides.items()}
    setting = dict(vars(case), config=Path(cfg.filename or '').name, inputs=None if case.data else vars(shape))
    return StepReport(setting, seconds, peak, {name: side.held() for name, side in sides.items()})


class _Side:
    """A model in training with its optimiser."""

    def __init__(self, cfg: Config, model_cfg: dict, case: StepCase) -> None:
        torch.manual_seed(0)
        with naming_config(cfg):
            self.model: nn.Module = MODELS.build(model_cfg).to(case.device).train()
            self.wrapper: OptimWrapper = build_optim_wrapper(self.model, copy.deepcopy(cfg.optim_wrapper))
        if hasattr(self.model, 'set_progress'):
            self.model.set_progress(LATE, LATE, 2 * LATE, 2 * LATE)

    def step(self, batch: dict[str, Any]) -> None:
        """As mmengine's ``train_step``, part by part."""
        with stage('forward'), self.wrapper.optim_context(self.model):
            data = self.model.data_preprocessor(batch, True)
            total, _ = self.model.parse_losses(self.model(**data, mode='loss'))
        with stage('backward'):
            self.wrapper.backward(self.wrapper.scale_loss(total))
        with stage('optimiser'):
            self.wrapper.step()
            self.wrapper.zero_grad()

    def held(self) -> int:
        """Bytes of weights, optimiser state and teachers."""
        teachers = [teacher for _, teacher in getattr(self.model, 'teachers', {}).items()]
        teachers = [one.live if isinstance(one, CachedTeacher) and one.is_loaded else one for one in teachers]
        frozen = [teacher.model for teacher in teachers if hasattr(teacher, 'model')]
        state = [list(self.model.state_dict().values()), self.wrapper.optimizer.state_dict()['state'],
                 [list(model.state_dict().values()) for model in frozen]]
        return tensor_bytes(state)


def models_of(cfg: Config) -> dict[str, dict]:
    """Configs of the sides; teachers without a checkpoint may have random weights."""
    init_default_scope(cfg.get('default_scope', 'perception_kd'))
    allow_random_teachers(cfg.model)
    if cfg.model.get('type') != 'Distiller':
        return {'student': cfg.model}
    sides = {'student': student_config(cfg), 'distilled': with_live_teachers(cfg.model)}
    return {**sides, 'cached': cfg.model} if _cached(cfg.model) else sides


def allow_random_teachers(model_cfg: dict) -> None:
    """Let the teachers of a config that have no checkpoint teach with random weights."""
    for teacher in (model_cfg.get('teachers') or {}).values():
        if teacher.get('type', 'FrozenTeacher') in FROZEN and teacher.get('checkpoint') is None:
            teacher['allow_random'] = True


def with_live_teachers(model_cfg: dict) -> dict:
    """A copy of a model's config whose cached teachers run."""
    model_cfg = copy.deepcopy(model_cfg)
    for teacher in _cached(model_cfg):
        teacher['type'] = 'FrozenTeacher'
        teacher.pop('cache', None)
    return model_cfg


def _cached(model_cfg: dict) -> list[dict]:
    return [teacher for teacher in (model_cfg.get('teachers') or {}).values() if teacher.get('type') == 'CachedTeacher']


def _fill(model_cfg: dict, batches: list[dict[str, Any]], folder: str, device: str) -> None:
    """Point the cached teachers of a distiller to a folder, and let them write all samples of ``batches`` there."""
    for teacher in model_cfg['teachers'].values():
        if teacher.get('type') == 'CachedTeacher':
            teacher.cache = dict(teacher.get('cache') or {}, folder=folder, max_bytes=None)
    torch.manual_seed(0)  # as _Side: random teachers must be the same ones
    model = MODELS.build(copy.deepcopy(model_cfg)).to(device)
    for batch in batches:
        data = model.data_preprocessor(batch, True)
        for teacher in cached_teachers(model).values():
            teacher.run(data['inputs'], data['data_samples'], list(teacher.needs))


def _batches(cfg: Config, shape: BatchShape, case: StepCase) -> Iterator[dict[str, Any]]:
    if not case.data:
        return repeat(make_batch(shape, batch=case.batch))
    loader = Runner.build_dataloader({**cfg.train_dataloader, 'batch_size': case.batch, 'num_workers': 0,
                                      'persistent_workers': False})
    if len(loader) < 1:
        raise ValueError(f'the training data of {cfg.filename} does not fill a batch of {case.batch}')
    return endless(loader)


def endless(loader: Any) -> Iterator[dict[str, Any]]:
    """Batches of a loader, pass after pass."""
    while True:
        yield from loader
