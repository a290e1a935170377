"""What taps and their recorder cost in a training step and in inference."""

from __future__ import annotations

import copy
import gc
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import nn

from perception_kd.benchmark.memory import peak_bytes
from perception_kd.benchmark.recorder_report import BARE, RECORDED, STRIPPED, RecorderReport
from perception_kd.benchmark.stage_clock import StageClock
from perception_kd.benchmark.step import models_of
from perception_kd.benchmark.synthetic import BatchShape, make_batch
from perception_kd.benchmark.timing import turns
from perception_kd.benchmark.without_taps import running, stripped_functions
from perception_kd.distill import taps
from perception_kd.distill.taps import TapRecorder
from perception_kd.engine.build import naming_config, require
from perception_kd.engine.switches import apply_amp
from perception_kd.processes import collection_paused
from perception_kd.registry import MODELS

MODES = ('training', 'inference')
WARM_UP = 2


@dataclass(frozen=True)
class RecorderCase:
    """What is measured.

    Args:
        device: ``cpu`` or ``cuda``.
        batch: Samples a step.
        amp: ``auto``, ``bf16``, ``fp16``; None: float32.
        runs: Turns; in each, every side makes a step.
    """

    device: str = 'cpu'
    batch: int = 1
    amp: str | None = None
    runs: int = 40


def benchmark_recorder(cfg: Config, case: RecorderCase) -> RecorderReport:
    """Time steps of a config's student, side by side in turn.

    Args:
        cfg: Of a distiller, whose pairs say which taps are recorded, or of a student: all that it has.
        case: What is measured.

    Raises:
        ValueError: the config cannot be built.
    """
    require(cfg, 'model', 'optim_wrapper', 'train_dataloader')
    cfg = copy.deepcopy(cfg)
    shape = BatchShape.of(cfg, training=True)
    if case.amp is not None:
        apply_amp(cfg, case.amp)
    work = _Work(cfg, make_batch(shape, batch=case.batch), case.device)
    stripped = stripped_functions()
    marked = {function: function.__code__ for function in stripped}
    seconds, peak, calls = {}, {}, {}
    for mode in MODES:
        step = work.mode(mode)
        sides = {STRIPPED: (stripped, step), BARE: (marked, step), RECORDED: (marked, partial(step, record=True))}
        seconds[mode] = _measure(sides, case)
        calls[mode] = _count(step)
        peak[mode] = {}
        for name, (codes, one) in sides.items():
            with running(codes):
                peak[mode][name] = peak_bytes(one, case.device)
    setting = dict(vars(case), config=Path(cfg.filename or '').name, inputs=vars(shape), taps=work.taps,
                   functions=sorted(f'{one.__module__}.{one.__qualname__}' for one in stripped))
    return RecorderReport(setting, seconds, calls, _seconds_per_call(), peak)


def _measure(sides: Mapping[str, tuple[Mapping, Callable[[], None]]], case: RecorderCase) -> dict[str, list[float]]:
    """Seconds of the steps of each side, turn by turn, each with its code of the functions that mark taps."""
    clock = StageClock(case.device, names=())
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    with collection_paused():
        for turn, name in enumerate(turns(sides, WARM_UP + case.runs)):
            codes, step = sides[name]
            gc.collect()
            with running(codes):  # for each side, since Python looks at functions anew that are given a code
                taken = clock.measure(step)['total']
            if turn >= WARM_UP * len(sides):
                seconds[name].append(taken)
    return seconds


class _Work:
    """A student with its optimiser, and which of its taps are recorded in each mode."""

    def __init__(self, cfg: Config, batch: dict[str, Any], device: str) -> None:
        configs = models_of(cfg)
        torch.manual_seed(0)
        with naming_config(cfg):
            pairs = MODELS.build(configs['distilled']).pairs.values() if 'distilled' in configs else None
            self.model: nn.Module = MODELS.build(configs['student']).to(device)
            self.wrapper: OptimWrapper = build_optim_wrapper(self.model, copy.deepcopy(cfg.optim_wrapper))
        self.batch, self.specs = batch, self.model.tap_specs()
        self.wanted = set(self.specs) if pairs is None else set().union(*(pair.student_taps for pair in pairs))
        self.taps: dict[str, list[str]] = {}

    def mode(self, name: str) -> Callable[..., None]:
        """A step of a mode; it takes ``record``. Of the taps, those are recorded that fire in it."""
        self.model.train(name == 'training')
        step = self._train if name == 'training' else self._predict
        with TapRecorder() as recorder:
            step()
        self.taps[name] = sorted(self.wanted & set(recorder.collect()))

        def work(record: bool = False) -> None:
            step(TapRecorder.of(self.specs, self.taps[name]) if record else None)
        return work

    def _train(self, recorder: TapRecorder | None = None) -> None:
        with self.wrapper.optim_context(self.model):
            recorded, losses = self._forward('loss', recorder)
            total, _ = self.model.parse_losses(losses)
        self.wrapper.backward(self.wrapper.scale_loss(total))
        del recorded  # they live as long as they would with pairs
        self.wrapper.step()
        self.wrapper.zero_grad()

    @torch.no_grad()
    def _predict(self, recorder: TapRecorder | None = None) -> None:
        with self.wrapper.optim_context(self.model):
            self._forward('predict', recorder)

    def _forward(self, mode: str, recorder: TapRecorder | None) -> tuple[dict[str, Any], Any]:
        data = self.model.data_preprocessor(self.batch, mode == 'loss')
        if recorder is None:
            return {}, self.model(**data, mode=mode)
        with recorder:
            found = self.model(**data, mode=mode)
        return recorder.collect(), found


class _Counter(TapRecorder):
    """Counts calls and keeps nothing."""

    calls = 0

    def record(self, name: str, value: Any) -> None:
        self.calls += 1


def _count(step: Callable[[], None]) -> int:
    with _Counter() as counter:
        step()
    return counter.calls


def _seconds_per_call() -> float:
    """At most: the call from which it is called counts too."""
    value, number = torch.zeros(1), 100_000
    return min(timeit.repeat(lambda: taps.tap('name', value), number=number, repeat=5)) / number
