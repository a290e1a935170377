"""Latency of blocks on the inputs that the teacher gives them, and of whole models, turn by turn in one process."""

from __future__ import annotations

import copy
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from perception_kd.benchmark.flops import count_flops
from perception_kd.benchmark.stage_clock import StageClock
from perception_kd.benchmark.timing import Spread
from perception_kd.compress.search.block_taps import record_call, swapped
from perception_kd.compress.search.settings import LatencySettings
from perception_kd.engine.switches import autocast
from perception_kd.models.layers.fold import fold_batch_norms

Call = Callable[[], Any]
MATRIX = 4  # rows or columns of the largest transformation
GLANCE = 5  # runs for a cost that only orders designs


class Bench:
    """A teacher on the device that latency is measured on, and what its blocks are called with there.

    Args:
        teacher: Left as it is.
        batch: Raw data, as the loader gives it.
        paths: Of the blocks, by name.
        settings: How to measure.
    """

    def __init__(self, *, teacher: nn.Module, batch: Mapping[str, Any], paths: Mapping[str, str],
                 settings: LatencySettings) -> None:
        self.teacher = copy.deepcopy(teacher).to(settings.device).eval()
        self.batch, self.paths, self.settings = dict(batch), dict(paths), settings
        with torch.inference_mode(), running_as(settings):
            self.conditions = conditions(settings, sizes(self._data(self.teacher)['inputs']))
            self.calls = {name: record_call(self.teacher, path, self._forward(self.teacher))
                          for name, path in paths.items()}

    def cost(self, block: str, module: nn.Module) -> float:
        """A quick look at the ms of a module in the place of a block: of a few runs the one that nothing disturbed."""
        quick = replace(self.settings, runs=GLANCE, warm_up=1)
        return min(_runs({block: self._block(block, module)}, quick)[block])

    def blocks(self, block: str, modules: Mapping[str, nn.Module]) -> dict[str, Spread]:
        """Ms of each module alone, on what the teacher's block is called with."""
        return time_turn_by_turn({name: self._block(block, one) for name, one in modules.items()}, self.settings)

    def models(self, choices: Mapping[str, Mapping[str, nn.Module]]) -> dict[str, Spread]:
        """Ms of whole models, from raw data to raw outputs.

        Args:
            choices: By name of the model: name of a block -> what stands in its place.
        """
        base = deployed(self.teacher, self.settings.device)
        ready = {name: {self.paths[block]: deployed(module, self.settings.device) for block, module in chosen.items()}
                 for name, chosen in choices.items()}
        return time_turn_by_turn({name: partial(self._exchanged, base, blocks) for name, blocks in ready.items()},
                                 self.settings)

    def macs(self, chosen: Mapping[str, nn.Module]) -> float:
        """Multiply-accumulates of a whole model; see :data:`perception_kd.benchmark.flops.NOTE` for what counts."""
        blocks = {self.paths[block]: copy.deepcopy(module).to(self.settings.device).eval()
                  for block, module in chosen.items()}
        with torch.no_grad():
            return count_flops(partial(self._exchanged, self.teacher, blocks))['total'] / 2

    def _exchanged(self, model: nn.Module, blocks: Mapping[str, nn.Module]) -> Any:
        with ExitStack() as stack:
            for path, module in blocks.items():
                stack.enter_context(swapped(model, path, module))
            return self._forward(model)()

    def _block(self, block: str, module: nn.Module) -> Call:
        ready, call = deployed(module, self.settings.device), self.calls[block]
        return lambda: ready(*call.args, **call.kwargs)

    def _forward(self, model: nn.Module) -> Call:
        return lambda: model(**self._data(model), mode='tensor')

    def _data(self, model: nn.Module) -> dict[str, Any]:
        raw = {name: dict(part) if isinstance(part, Mapping) else part for name, part in self.batch.items()}
        return model.data_preprocessor(raw, False)


def time_turn_by_turn(calls: Mapping[str, Call], settings: LatencySettings) -> dict[str, Spread]:
    """Milliseconds of each call: median and quartiles.

    A busy machine disturbs all alike, since each round runs all of them.
    """
    return {name: Spread.of(taken) for name, taken in _runs(calls, settings).items()}


def _runs(calls: Mapping[str, Call], settings: LatencySettings) -> dict[str, list[float]]:
    clock = StageClock(settings.device)
    runs: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode(), running_as(settings):
        for number in range(settings.warm_up + settings.runs):
            for name, call in calls.items():
                seconds = clock.measure(call)['total']
                if number >= settings.warm_up:
                    runs[name].append(seconds * 1e3)
    return runs


def deployed(module: nn.Module, device: str) -> nn.Module:
    """A copy for use alone: eval mode, batch normalisation folded into convolutions."""
    module = copy.deepcopy(module).to(device).eval()
    fold_batch_norms(module)
    return module


@contextmanager
def running_as(settings: LatencySettings) -> Iterator[None]:
    """Autocast and threads of torch, as the settings have them; as before afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads or threads)
    try:
        with autocast(None if settings.dtype == 'float32' else settings.dtype, settings.device):
            yield
    finally:
        torch.set_num_threads(threads)


def conditions(settings: LatencySettings, size: Any) -> dict[str, Any]:
    """What a latency depends on beside the block: tables of different ones are not mixed.

    Args:
        settings: How it is measured.
        size: Of the model's inputs, see :func:`sizes`.
    """
    cuda = torch.device(settings.device).type == 'cuda'
    return dict(device=torch.cuda.get_device_name(settings.device) if cuda else _processor(), dtype=settings.dtype,
                threads=None if cuda else settings.threads or torch.get_num_threads(), size=size,
                torch=torch.__version__, cuda=torch.version.cuda if cuda else None)


def busy(settings: LatencySettings) -> str | None:
    """A line on a processor that has other work to do: short blocks feel less of it than whole models."""
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    if torch.device(settings.device).type == 'cuda' or load <= cores:
        return None
    return (f'the machine is busy (load {load:.1f} on {cores} cores): latencies are larger than they should be, and '
            'those of blocks do not add up to those of models; measure again when it is quiet')


def sizes(inputs: Any) -> list[list[int]]:
    """Shapes of the pictures and maps in a model's inputs, nested as they may be; points and matrices have no size."""
    if isinstance(inputs, Tensor):
        return [list(inputs.shape)] if inputs.ndim > 2 and min(inputs.shape[-2:]) > MATRIX else []
    if isinstance(inputs, Mapping):
        inputs = [inputs[name] for name in sorted(inputs)]
    return [shape for item in inputs for shape in sizes(item)] if isinstance(inputs, (list, tuple)) else []


def _processor() -> str:
    """The processor's name as Linux tells it, else what Python knows."""
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()
