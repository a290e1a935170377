"""A harness, run as a program: train in a child, kill it at a random moment of saving, look, and again.

Arguments: folder, number of kills, and the same for a control that saves naively (``torch.save`` in place) and
ends at the first broken file. Prints two JSON objects, see ``Report``.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook

import perception_kd.engine.runner as runner_module
from perception_kd.engine.safe_checkpoint import find_newest_checkpoint, read_checkpoint
from tests.engine.tiny_run import TinyModel, build

NUMBERS = 500_000  # 2 MB of weights, and twice that for the optimiser: a save takes some time
KEPT = 2


@dataclass
class Report:
    """What the kills left.

    Args:
        kills: How many there were.
        inside: Kills that left a half-written temporary file, so that hit the writing itself.
        steps: Step of the newest checkpoint after each kill.
        broken: Files that did not load or did not hold one whole state.
        most_files: The most checkpoints, and the most temporary files, that were there after a kill.
    """

    kills: int = 0
    inside: int = 0
    steps: list[int] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    most_files: list[int] = field(default_factory=lambda: [0, 0])


class Marks(Hook):
    """Tells the parent where a save begins and ends, and puts a fingerprint of the weights into it."""

    priority = 'LOWEST'

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        checkpoint['fingerprint'] = fingerprint(checkpoint)
        os.write(self.pipe, b'b')

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        os.write(self.pipe, b'e')


def fingerprint(checkpoint: dict) -> list[float]:
    """Sums over weights and optimiser state, and the step: another state has another one."""
    slots = [value for slot in checkpoint['optimizer']['state'].values() for value in slot.values()]
    tensors = [*checkpoint['state_dict'].values(), *map(torch.as_tensor, slots)]
    return [float(one.double().sum()) for one in tensors] + [checkpoint['meta']['iter']]


def train_for_ever(folder: Path, pipe: int, how: str) -> None:
    """Resume from what is there and save after every iteration; the parent ends it."""
    if how == 'naive':
        runner_module.write_checkpoint = lambda path, content: torch.save(runner_module.to_plain(content), path)
    hook = dict(type='CheckpointHook', interval=1, by_epoch=False, max_keep_ckpts=KEPT)
    runner = build(folder, iters=10**9, hook=hook, model=BigModel(), resume=True)
    runner.register_hook(Marks(pipe))
    runner.train()


class BigModel(TinyModel):
    """With weights enough that writing them takes a while."""

    def __init__(self) -> None:
        super().__init__()
        self.big = torch.nn.Parameter(torch.arange(NUMBERS) * 1e-6)

    def forward(self, x: torch.Tensor, index: torch.Tensor, mode: str = 'tensor') -> Any:
        out = super().forward(x, index, mode)
        return {**out, 'loss_big': self.big.square().mean()} if mode == 'loss' else out


def kill_once(folder: Path, how: str, rng: random.Random) -> None:
    """One child: a whole save to learn how long it takes, then SIGKILL at a random moment of the next."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            train_for_ever(folder, write, how)
        finally:
            os._exit(1)  # only after an error: nothing else ends this child but the parent
    os.close(write)
    moments = []
    for wanted in (b'b', b'e', b'b'):
        got = os.read(read, 1)
        while got and got != wanted:
            got = os.read(read, 1)
        moments.append(time.perf_counter())
    time.sleep(rng.uniform(0, 1.1) * (moments[1] - moments[0]))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(read)
    if os.WTERMSIG(status) != signal.SIGKILL:
        raise RuntimeError(f'the child ended by itself, with status {status}')


def look(folder: Path, report: Report) -> None:
    """Every checkpoint that has its name must load and be whole, and ``last_checkpoint`` must name one."""
    checkpoints, partials = list(folder.glob('[!.]*.pth')), list(folder.glob('.*.partial*'))
    report.kills += 1
    report.inside += any(path.suffix == '.pth' for path in partials)
    report.most_files = [max(pair) for pair in zip(report.most_files, (len(checkpoints), len(partials)))]
    newest = find_newest_checkpoint(folder)
    for path in checkpoints:
        try:
            checkpoint = read_checkpoint(path)
            whole = checkpoint['fingerprint'] == fingerprint(checkpoint)
        except ValueError:
            whole = False
        if not whole:
            report.broken.append(path.name)
        elif path == newest:
            report.steps.append(checkpoint['meta']['iter'])


def kill_often(folder: Path, kills: int, how: str) -> Report:
    """Kill again and again, until a file is broken."""
    rng, report = random.Random(0), Report()
    while report.kills < kills and not report.broken:
        kill_once(folder, how, rng)
        look(folder, report)
    return report


def main() -> None:
    folder, kills, naive_kills = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    build(folder / 'warm_up', iters=1, model=BigModel()).train()  # loads every module, so that children start at once
    for count, how in ((kills, 'safe'), (naive_kills, 'naive')):
        print(json.dumps(asdict(kill_often(folder / how, count, how))))


if __name__ == '__main__':
    main()
