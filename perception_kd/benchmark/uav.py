"""Latency of drone detectors side by side, at several sizes and numbers of threads: PyTorch, ONNX, ONNX with int8."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from perception_kd.benchmark.flops import NOTE, count_flops
from perception_kd.benchmark.side import Side, add_side
from perception_kd.benchmark.stage_clock import StageClock
from perception_kd.benchmark.timing import Spread, machine, versions
from perception_kd.export.uav_graph import BOXES, INPUT, SCORES, UAVGraph, as_images, check_size, folded
from perception_kd.export.uav_int8 import export_int8
from perception_kd.export.uav_onnx import DEPLOYED, export_uav, load_detector
from perception_kd.export.uav_pictures import drawn_pictures
from perception_kd.export.uav_session import OnnxDetector
from perception_kd.models.uav.detector import UAVDetector
from perception_kd.models.uav.postprocess import BoxSettings, choose_boxes
from perception_kd.stages import stage

FORMATS = ('torch', 'onnx', 'onnx-int8')
CALIBRATION = 4  # pictures; what they show changes no time
STAGES = ('inputs', 'network', 'boxes')
RATIO_NOTE = ('against the first side: "less" is 1 - t/t_first, the part of its time that is saved; "more" is '
              't_first/t - 1, by how much the rate is higher')

Model = tuple[Config, str | Path | None]


@dataclass(frozen=True)
class UAVCase:
    """What is measured, of one picture at a time.

    Args:
        sizes: Sides of the square pictures, multiples of 32.
        threads: Numbers of CPU threads.
        formats: What every config is measured as, of ``FORMATS``.
        runs, warm_up: Measured and unmeasured runs a side.
        device: ``cpu`` or ``cuda``, of PyTorch; graphs stay on the CPU.

    Raises:
        ValueError: a number or name out of range.
    """

    sizes: tuple[int, ...] = (640,)
    threads: tuple[int, ...] = (1,)
    formats: tuple[str, ...] = ('torch',)
    runs: int = 50
    warm_up: int = 5
    device: str = 'cpu'

    def __post_init__(self) -> None:
        for side in self.sizes:
            check_size((side, side))
        if min(self.threads, default=0) < 1 or self.runs < 1 or self.warm_up < 0:
            raise ValueError('--threads and --runs are 1 or more, --warm-up 0 or more')
        if unknown := [one for one in self.formats if one not in FORMATS]:
            raise ValueError(f'--formats are {", ".join(FORMATS)}, got {unknown[0]!r}')


@dataclass
class Cell:
    """All sides at one size and number of threads, by name; the first is what the others are held against."""

    size: int
    threads: int
    sides: dict[str, Side] = field(default_factory=dict)

    def gain(self, name: str) -> dict[str, float]:
        """``less`` and ``more``, see ``RATIO_NOTE``."""
        first, own = next(iter(self.sides.values())).total.median, self.sides[name].total.median
        return dict(less=1 - own / first, more=first / own - 1)

    def to_json(self) -> dict[str, Any]:
        """Every run's seconds by stage, medians, quartiles, parameters, operations and both ratios."""
        sides = {name: dict(**side.about, parameters=side.parameters, gflops=_gflops(side), **side.total._asdict(),
                            **self.gain(name), seconds=side.seconds) for name, side in self.sides.items()}
        return dict(size=self.size, threads=self.threads, sides=sides)


@dataclass
class UAVReport:
    """All cells.

    Attributes:
        setting: The case.
        cells: A size and a number of threads each.
    """

    setting: dict[str, Any]
    cells: list[Cell]
    benchmark: str = 'uav'

    def to_json(self) -> dict[str, Any]:
        """Setting, cells, machine and versions."""
        return dict(benchmark=self.benchmark, setting=self.setting, flops_note=NOTE, ratio_note=RATIO_NOTE,
                    cells=[cell.to_json() for cell in self.cells], machine=machine(), versions=versions())

    def table(self) -> str:
        """A block a cell, a line a side."""
        lines = []
        for cell in self.cells:
            width = max(len(name) for name in cell.sides)
            lines += [f'{cell.size}x{cell.size} px, {cell.threads} thread{"s" if cell.threads > 1 else ""}',
                      f'  {"":{width}s} {"M params":>9s} {"GFLOPs":>7s} {"ms: median (quartiles)":>24s} '
                      f'{"network":>8s} {"fps":>6s} {"less":>7s} {"more":>7s}']
            lines += [_line(cell, name, width) for name in cell.sides]
            lines.append('')
        return '\n'.join([*lines, RATIO_NOTE, f'GFLOPs: {NOTE}'])


def benchmark_uav(models: Sequence[Model], case: UAVCase, *, onnx: Sequence[str | Path] = ()) -> UAVReport:
    """Time a drawn picture, all sides turn by turn: normalisation, network and decoding, suppression.

    Batch normalisation is folded into convolutions on all sides; scores and overlaps are those of deployment.

    Args:
        models: Configs of detectors or distillers, each with weights; None: as they are built, which costs the same
            time but for suppression.
        case: What is measured.
        onnx: Files of ``tools/export.py``, each measured at its own size.

    Raises:
        FileNotFoundError, ImportError, ValueError: config, checkpoint or graph do not fit; a cell without any side.
    """
    before = torch.get_num_threads()
    loaded = [(Path(cfg.filename or 'detector').stem, cfg, weights, load_detector(cfg, weights))
              for cfg, weights in models]
    try:
        with tempfile.TemporaryDirectory() as folder:
            files = _exported(loaded, case, Path(folder))
            cells = []
            for size in case.sizes:
                for threads in case.threads:
                    torch.set_num_threads(threads)
                    cell = Cell(size, threads, _sides(loaded, case, size, files, onnx))
                    _measure(cell, case)
                    cells.append(cell)
    finally:
        torch.set_num_threads(before)
    return UAVReport(asdict(case), cells)


Loaded = list[tuple[str, Config, Any, UAVDetector]]


def _exported(loaded: Loaded, case: UAVCase, folder: Path) -> dict[tuple[int, str, int], Path]:
    """Files by number of the model, format and size."""
    files = {}
    for number, (_, cfg, weights, _) in enumerate(loaded):
        for size in case.sizes:
            for form in [one for one in case.formats if one != 'torch']:
                path = files[number, form, size] = folder / f'{number}_{size}_{form}.onnx'
                if form == 'onnx':
                    export_uav(cfg, weights, path, size=(size, size))
                else:
                    pictures = drawn_pictures((size, size), CALIBRATION)
                    export_int8(cfg, weights, path, size=(size, size), calibration=pictures)
    return files


def _sides(loaded: Loaded, case: UAVCase, size: int, files: dict[tuple[int, str, int], Path],
           onnx: Sequence[str | Path]) -> dict[str, Side]:
    sides: dict[str, Side] = {}
    picture = torch.from_numpy(drawn_pictures((size, size), 1)[0]).permute(2, 0, 1)
    for number, (name, _, weights, detector) in enumerate(loaded):
        torch_side = _torch_side(detector, picture, weights, case.device)
        for form in case.formats:
            if form == 'torch':
                add_side(sides, name, torch_side)
            else:
                side = _graph_side(files[number, form, size], picture)
                side.parameters, side.macs = torch_side.parameters, torch_side.macs
                add_side(sides, f'{name} {form}', side)
    for path in onnx:
        if OnnxDetector(path).size == (size, size):
            add_side(sides, Path(path).name, _graph_side(path, picture))
    if not sides:
        raise ValueError(f'nothing to measure at {size}x{size}: give configs, or files of that --size')
    return sides


def _torch_side(detector: UAVDetector, picture: Tensor, weights: Any, device: str) -> Side:
    settings, graph = BoxSettings(**DEPLOYED), UAVGraph(folded(detector)).to(device)

    @torch.inference_mode()
    def work() -> Any:
        with stage('inputs'):
            images = as_images([picture]).to(device)
        with stage('network'):
            found = graph({INPUT: images})
        with stage('boxes'):
            return choose_boxes(found[BOXES][0], found[SCORES][0], settings)

    with torch.no_grad():
        flops = count_flops(work)
    about = dict(format='torch', checkpoint=str(weights) if weights else None)
    return Side(work, about, StageClock(device, STAGES), sum(one.numel() for one in detector.parameters()),
                {name: value / 2 for name, value in flops.items()})


def _graph_side(path: str | Path, picture: Tensor) -> Side:
    """Its session takes as many threads as torch has now."""
    session = OnnxDetector(path, test_cfg=DEPLOYED)

    def work() -> Any:
        with stage('inputs'):
            images = as_images([picture])
        return session.run(images)

    return Side(work, dict(format=f'onnx {session.meta.get("precision", "float32")}', file=Path(path).name,
                           config=session.meta.get('config')), StageClock(names=STAGES))


def _measure(cell: Cell, case: UAVCase) -> None:
    for side in cell.sides.values():
        for _ in range(case.warm_up):
            side.work()
    for _ in range(case.runs):
        for side in cell.sides.values():
            side.measure()


def _gflops(side: Side) -> float | None:
    return 2 * side.macs['total'] / 1e9 if side.macs else None


def _line(cell: Cell, name: str, width: int) -> str:
    side, gain = cell.sides[name], cell.gain(name)
    size = '-' if side.parameters is None else f'{side.parameters / 1e6:.3f}'
    flops = _gflops(side)
    return (f'  {name:{width}s} {size:>9s} {"-" if flops is None else f"{flops:.2f}":>7s} {side.total.ms():>24s} '
            f'{1e3 * Spread.of(side.seconds["network"]).median:>8.1f} {1 / side.total.median:>6.1f} '
            f'{gain["less"]:>7.1%} {gain["more"]:>7.1%}')
