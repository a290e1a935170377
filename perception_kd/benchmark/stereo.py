"""Latency of stereo matchers side by side, stage by stage: teacher, student, exported graph, OpenCV's SGBM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from perception_kd.benchmark.flops import count_flops
from perception_kd.benchmark.side import Side, add_side
from perception_kd.benchmark.stage_clock import REST, StageClock
from perception_kd.benchmark.timing import Spread, machine, versions
from perception_kd.engine.switches import autocast
from perception_kd.evaluation.stereo.sgbm import SGBM, SGBMSettings
from perception_kd.export.stereo_graph import SIDES, Size, check_size
from perception_kd.export.stereo_onnx import SIZE, smooth_pair
from perception_kd.export.stereo_session import OnnxMatcher
from perception_kd.export.student import is_stereo, load_student
from perception_kd.models.layers.fold import fold_batch_norms
from perception_kd.stages import stage

STAGES = ('inputs', 'features', 'volume', 'filter', 'context', 'refine', 'upsample', 'graph', REST, 'total')
WARM_UP = 2
NOTE = ('a multiply-accumulate counts once; convolutions, matrix products and attention count, normalisation, '
        'activations and sampling do not')

Pair = Mapping[str, Tensor]


@dataclass(frozen=True)
class StereoCase:
    """What is measured.

    Args:
        size: Height and width of the pictures, multiples of 32.
        max_disp, iterations: For every config; None: each its own.
        device: ``cpu`` or ``cuda``; graphs and SGBM stay on the CPU.
        amp: Autocast: ``auto`` (bf16 on the CPU, fp16 on CUDA), ``bf16``, ``fp16``; None: float32.
        runs: Measured runs a side.

    Raises:
        ValueError: pictures of another size.
    """

    size: Size = SIZE
    max_disp: int | None = None
    iterations: int | None = None
    device: str = 'cpu'
    amp: str | None = None
    runs: int = 10

    def __post_init__(self) -> None:
        check_size(self.size)


@dataclass
class StereoReport:
    """All sides by name; the first is what the others are held against.

    Attributes:
        setting: The case.
        sides: As they were given.
    """

    setting: dict[str, Any]
    sides: dict[str, Side]
    benchmark: str = 'stereo'

    @property
    def ratio(self) -> dict[str, float]:
        """Median of the first side over that of each other one: above 1, the other one is faster."""
        first, *others = self.sides
        return {name: self.sides[first].total.median / self.sides[name].total.median for name in others}

    def to_json(self) -> dict[str, Any]:
        """Everything, with medians and quartiles."""
        def each(value: Callable[[Side], Any]) -> dict[str, Any]:
            return {name: value(side) for name, side in self.sides.items()}

        return dict(
            benchmark=self.benchmark, setting=self.setting, sides=each(lambda side: side.about),
            parameters=each(lambda side: side.parameters), macs=each(lambda side: side.macs), macs_note=NOTE,
            seconds=each(lambda side: side.seconds['total']), medians=each(lambda side: side.total.median),
            ratio=self.ratio, stage_seconds=each(lambda side: side.seconds),
            spread=each(lambda side: {name: Spread.of(runs)._asdict() for name, runs in side.seconds.items()}),
            machine=machine(), versions=versions())

    def table(self) -> str:
        """A block a side, a line a stage: median and quartiles in ms, its share, its operations; then the ratios."""
        lines = []
        for name, side in self.sides.items():
            size = '' if side.parameters is None else f', {side.parameters / 1e6:.2f} M parameters'
            lines += [f'{name}{size}, {1 / side.total.median:.1f} pairs per second',
                      f'  {"stage":10s} {"ms: median (quartiles)":>28s} {"share":>6s} {"GMAC":>9s}', *_lines(side), '']
        first = next(iter(self.sides))
        lines += [f'{name}: {ratio:.2f} times as fast as {first}' for name, ratio in self.ratio.items()]
        return '\n'.join([*lines, f'GMAC: {NOTE}'])


def benchmark_stereo(configs: Sequence[tuple[Config, str | Path | None]], case: StereoCase, *,
                     onnx: Sequence[str | Path] = (), sgbm: SGBMSettings | None = None) -> StereoReport:
    """Time one pair of smooth texture, all sides turn by turn; batch normalisation is folded into convolutions.

    Args:
        configs: Of matchers or distillers, each with weights; None: as they are built, which costs the same time.
        case: What is measured.
        onnx: Files of ``tools/export.py --format onnx``.
        sgbm: Settings of a side of SGBM.

    Raises:
        FileNotFoundError, ValueError: config, checkpoint or graph do not fit.
    """
    pair = {side: picture.round().byte() for side, picture in smooth_pair(case.size, shift=16, seed=0).items()}
    sides: dict[str, Side] = {}
    for cfg, checkpoint in configs:
        add_side(sides, Path(cfg.filename or 'matcher').stem, _matcher(cfg, checkpoint, case, pair))
    for path in onnx:
        add_side(sides, Path(path).name, _graph(path, case, pair))
    if sgbm is not None:
        add_side(sides, 'SGBM', _sgbm(sgbm, pair))
    for side in sides.values():
        for _ in range(WARM_UP):
            side.work()
    for _ in range(case.runs):
        for side in sides.values():
            side.measure()
    return StereoReport(asdict(case), sides)


def _matcher(cfg: Config, checkpoint: str | Path | None, case: StereoCase, pair: Pair) -> Side:
    if not is_stereo(cfg):
        raise ValueError(f'{cfg.filename} is of no stereo matcher; tools/benchmark.py latency is for 3D detection')
    model = load_student(cfg, checkpoint)
    parameters = sum(weight.numel() for weight in model.parameters())
    fold_batch_norms(model)
    model.to(case.device)
    numbers = {name: getattr(model, name) if getattr(case, name) is None else getattr(case, name)
               for name in ('max_disp', 'iterations')}

    @torch.inference_mode()
    def work() -> Tensor:
        with stage('inputs'):
            inputs = model.data_preprocessor(dict(inputs=dict(pair), data_samples=None), False)['inputs']
        with autocast(case.amp, case.device):
            return model.disparity(**inputs, **numbers)

    about = dict(config=Path(cfg.filename or '').name, checkpoint=str(checkpoint) if checkpoint else None, **numbers)
    with torch.no_grad():
        macs = {name: flops / 2 for name, flops in count_flops(work).items()}
    return Side(work, about, StageClock(case.device), parameters, macs)


def _graph(path: str | Path, case: StereoCase, pair: Pair) -> Side:
    graph = OnnxMatcher(path)
    if graph.size != case.size:
        raise ValueError(f'{path} takes pictures of {graph.size[0]}x{graph.size[1]}: give --size {graph.size[0]} '
                         f'{graph.size[1]}, or export it with --size {case.size[0]} {case.size[1]}')

    def work() -> Tensor:
        with stage('inputs'):
            inputs = {side: picture.float() for side, picture in pair.items()}
        return graph.disparity(**inputs)

    return Side(work, dict(file=Path(path).name, max_disp=graph.max_disp, iterations=graph.iterations))


def _sgbm(settings: SGBMSettings, pair: Pair) -> Side:
    left, right = (np.ascontiguousarray(pair[side][0].permute(1, 2, 0).numpy()) for side in SIDES)
    cv2.setNumThreads(torch.get_num_threads())
    matcher = SGBM(settings)
    return Side(lambda: matcher(left, right), dict(settings=asdict(settings), opencv=cv2.__version__))


def _lines(side: Side) -> list[str]:
    lines = []
    for name in STAGES:
        if name in side.seconds and (name == 'total' or len(side.seconds) > 2):  # alone, the rest is the total
            runs = Spread.of(side.seconds[name])
            macs = f'{side.macs.get(name, 0) / 1e9:9.3f}' if side.macs else ''
            lines.append(f'  {name:10s} {runs.ms():>28s} {runs.median / side.total.median:6.0%} {macs}'.rstrip())
    return lines
