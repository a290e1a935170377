"""Ends a training that a signal asks to end, with a checkpoint of that moment."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from mmengine.dist import all_reduce, barrier, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.engine.checkpoint_hook import between_groups
from perception_kd.engine.safe_checkpoint import POINTER, write_pointer
from perception_kd.registry import HOOKS

VARIABLE = 'PKD_STOP_SIGNALS'
"""Environment variable with the names of signals, ``USR1 USR2``; without it no training listens to any."""
STOPPED = 'stopped.pth'


def stop_signals() -> tuple[signal.Signals, ...]:
    """What ``PKD_STOP_SIGNALS`` names.

    Raises:
        ValueError: no such signal, or one that cannot be caught.
    """
    names = [name.removeprefix('SIG') for name in os.environ.get(VARIABLE, '').split()]
    known = {one.name.removeprefix('SIG'): one for one in signal.Signals if one not in (signal.SIGKILL, signal.SIGSTOP)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f'{VARIABLE} names {", ".join(unknown)}; there are signals such as USR1 and TERM')
    return tuple(known[name] for name in names)


@HOOKS.register_module()
class StopSignalHook(Hook):
    """Writes ``stopped.pth`` after the step at hand and ends as Ctrl-C does, status 130; ``--resume`` goes on from it.

    Whoever takes a machine back (the end of a Slurm job's time, preemption) sends a signal some time before.
    ``PKD_STOP_SIGNALS`` makes the Runner add this hook. It reaches the processes of a job at different steps, or only
    some of them: they ask each other every ``interval`` steps, and stop after the same one. Of a group of steps whose
    gradients accumulate, the last one is waited for.

    Args:
        signals: To listen to while training.
        interval: Steps between two questions, where there are several processes.
    """

    priority = 'LOWEST'  # when the other hooks of the step have done their part, averages and schedules included

    def __init__(self, *, signals: tuple[signal.Signals, ...], interval: int = 5) -> None:
        self.signals, self.interval = signals, interval
        self.asked = self.agreed = False
        self._before: dict[signal.Signals, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Begin to listen."""
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._note) for one in self.signals}

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """End the training, if any process of the job was asked to.

        Raises:
            KeyboardInterrupt: the checkpoint is written.
        """
        step = runner.iter + 1
        self.agreed = self.agreed or self._ask(step)
        if self.agreed and between_groups(runner.optim_wrapper):
            path = Path(runner.work_dir, STOPPED)
            runner.save_checkpoint(runner.work_dir, STOPPED, meta=dict(epoch=runner.epoch, iter=step), by_epoch=False)
            if is_main_process():
                write_pointer(Path(runner.work_dir) / POINTER, str(path))
            runner.logger.info(f'asked to stop by a signal: wrote {path} after iteration {step}')
            self.after_train(runner)
            barrier()  # a launcher ends the others once one is gone, the writer too
            raise KeyboardInterrupt

    def after_train(self, runner: Runner) -> None:
        """Listen no more."""
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def _ask(self, step: int) -> bool:
        """Whether all processes know by now that one of them was told."""
        if get_world_size() == 1:
            return self.asked
        if step % self.interval:
            return False
        asked = torch.tensor(float(self.asked))
        all_reduce(asked, 'max')
        return bool(asked)
