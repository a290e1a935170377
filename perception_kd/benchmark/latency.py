"""Latency of a student stage by stage, with its parameters and operations."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from perception_kd.benchmark.flops import NOTE, count_flops
from perception_kd.benchmark.parameters import PUBLISHED, parameter_table, parameters_by_part
from perception_kd.benchmark.stage_clock import REST, StageClock
from perception_kd.benchmark.synthetic import BatchShape, drive, make_batch
from perception_kd.benchmark.timing import Spread, machine, versions
from perception_kd.engine.switches import autocast
from perception_kd.export.student import load_student, student_config
from perception_kd.stages import stage

ORDER = ('inputs', 'image', 'radar', 'view', 'fusion', 'temporal', 'trunk', 'head', 'decode', REST)
WARM_UP = 2
ALIKE = 1e-3  # maps of one student differ less


@dataclass(frozen=True)
class LatencyCase:
    """What is measured.

    Args:
        device: ``cpu`` or ``cuda``.
        batch: Samples at once.
        amp: Autocast: ``auto`` (bf16 on the CPU, fp16 on CUDA), ``bf16``, ``fp16``; None: float32.
        streaming: Frame by frame with memories; else past frames are computed from the batch.
        runs: Measured runs.
    """

    device: str = 'cpu'
    batch: int = 1
    amp: str | None = None
    streaming: bool = False
    runs: int = 10

    def __post_init__(self) -> None:
        if self.streaming and self.batch != 1:
            raise ValueError('streaming goes frame by frame: leave --batch at 1')


@dataclass
class LatencyReport:
    """Runs of every stage, and what they were taken with.

    Attributes:
        setting: Case, config, shapes.
        parameters: By part.
        flops: By stage.
        stages: Seconds of every run by stage, ``total`` included.
        onnx: Seconds of every run of onnxruntime on the CPU, up to the raw maps of the head; empty without a file.
        difference: Of its raw maps from PyTorch's, see ``largest_difference``; large where the weights are others.
        beside: A key of ``PUBLISHED``, or None.
    """

    setting: dict[str, Any]
    parameters: dict[str, int]
    flops: dict[str, int]
    stages: dict[str, list[float]]
    onnx: list[float]
    difference: float | None = None
    beside: str | None = None
    benchmark: str = 'latency'

    def to_json(self) -> dict[str, Any]:
        """Everything, with medians and quartiles."""
        sides = {'torch': self.stages['total'], **({'onnxruntime': self.onnx} if self.onnx else {})}
        spreads = {name: Spread.of(runs)._asdict() for name, runs in {**self.stages, **sides}.items()}
        medians = {name: Spread.of(runs).median for name, runs in sides.items()}
        ratio = medians['onnxruntime'] / medians['torch'] if self.onnx else None
        return dict(benchmark=self.benchmark, setting=self.setting, parameters=self.parameters,
                    published=PUBLISHED.get(self.beside or ''), flops=self.flops, flops_note=NOTE, seconds=sides,
                    medians=medians, ratio=ratio, max_difference=self.difference, stage_seconds=self.stages,
                    spread=spreads, frames_per_second=self._rate(),
                    machine=machine(), versions=versions())

    def table(self) -> str:
        """Parameters; then a line a stage: median and quartiles in ms, its share, its operations."""
        total = Spread.of(self.stages['total']).median
        lines = [parameter_table(self.parameters, self.beside), '',
                 f'{"stage":12s} {"ms: median (quartiles)":>28s} {"share":>6s} {"GFLOP":>9s}']
        for name in [*ORDER, 'total']:
            if name in self.stages:
                runs = Spread.of(self.stages[name])
                lines.append(f'{name:12s} {runs.ms():>28s} {runs.median / total:6.0%} '
                             f'{self.flops.get(name, 0) / 1e9:9.2f}')
        if self.onnx:
            doubt = '' if self.difference < ALIKE else ': other weights?'
            lines.append(f'{"onnxruntime":12s} {Spread.of(self.onnx).ms():>28s}   on the CPU, up to the raw maps, '
                         f'which differ by {self.difference:.1e}{doubt}')
        return '\n'.join([*lines, f'{self._rate():.2f} frames per second; {NOTE}'])

    def _rate(self) -> float:
        return self.setting['batch'] / Spread.of(self.stages['total']).median


def benchmark_latency(cfg: Config, case: LatencyCase, *, checkpoint: str | Path | None = None,
                      onnx: str | Path | None = None, beside: str | None = None) -> LatencyReport:
    """Time ``predict`` on random inputs of the config's shapes, the graph in ``onnx`` turn by turn beside it.

    Args:
        cfg: Of a distiller or a student.
        case: What is measured.
        checkpoint: Weights; without them decoding meets as many boxes as it may.
        onnx: A file of ``tools/export.py --format onnx``.
        beside: Published counts to print, a key of ``PUBLISHED``.

    Raises:
        ValueError, FileNotFoundError: Config, checkpoint or graph do not fit.
    """
    if onnx is not None and case.batch != 1:
        raise ValueError('an exported graph takes one sample: leave --batch at 1')
    shape = BatchShape.of(cfg)
    student = load_student(_streaming(cfg, shape) if case.streaming else cfg, checkpoint)
    graph, difference = _graph(onnx, student, shape) if onnx is not None else (None, None)
    student.to(case.device)
    batches = _batches(shape, case)
    with torch.no_grad(), autocast(case.amp, case.device):
        predict = _predictor(student)
        for _ in range(WARM_UP):
            predict(next(batches))
        flops = count_flops(lambda: predict(next(batches)))
        stages, onnx_runs = _measure(predict, batches, case, graph)
    setting = dict(vars(case), config=Path(cfg.filename or '').name, checkpoint=str(checkpoint) if checkpoint else None,
                   inputs=vars(shape))
    return LatencyReport(setting, parameters_by_part(student), flops, stages, onnx_runs, difference, beside)


def _graph(path: str | Path, student: nn.Module, shape: BatchShape) -> tuple[Callable[[], Any], float]:
    """A call of the exported graph, and how far it differs from the student."""
    from perception_kd.export.onnx_session import OnnxStudent
    from perception_kd.export.parity import largest_difference

    graph = OnnxStudent(path)
    rows = graph.shapes.get('radar', (shape.radar_points,))[0]
    shape = replace(shape, radar_points=min(rows, shape.radar_points))
    return graph.prepared(make_batch(shape)), largest_difference(student, graph, shape)


def _measure(predict: Callable[[dict], Any], batches: Iterator[dict], case: LatencyCase,
             graph: Callable[[], Any] | None) -> tuple[dict[str, list[float]], list[float]]:
    clock, wall = StageClock(case.device), StageClock()
    stages: dict[str, list[float]] = {}
    onnx_runs = []
    for _ in range(case.runs):
        batch = next(batches)
        for name, seconds in clock.measure(lambda batch=batch: predict(batch)).items():
            stages.setdefault(name, []).append(seconds)
        if graph is not None:
            onnx_runs.append(wall.measure(graph)['total'])
    return stages, onnx_runs


def _predictor(student: nn.Module) -> Callable[[dict], Any]:
    def predict(batch: dict) -> Any:
        with stage('inputs'):
            data = student.data_preprocessor(batch, False)
        return student(**data, mode='predict')

    return predict


def _batches(shape: BatchShape, case: LatencyCase) -> Iterator[dict]:
    if case.streaming:
        return drive(shape, WARM_UP + 1 + case.runs)
    return repeat(make_batch(shape, batch=case.batch))


def _streaming(cfg: Config, shape: BatchShape) -> Config:
    """The config with memories in place of past frames."""
    if not shape.past_frames:
        raise ValueError(f'--streaming: config {cfg.filename} merges no past frames')
    cfg = copy.deepcopy(cfg)
    student_config(cfg).streaming = shape.past_frames
    return cfg
