"""A training that a signal ends goes on from that very step, bit for bit; nobody listens unasked."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from mmengine.hooks import Hook

from perception_kd.engine.hooks.stop_signal import STOPPED, VARIABLE, StopSignalHook
from perception_kd.engine.safe_checkpoint import find_newest_checkpoint, read_checkpoint
from tests.engine.tiny_run import assert_same, build


class Sends(Hook):
    """A signal in the middle of a step, as if from outside."""

    def __init__(self, step: int) -> None:
        self.step = step

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter + 1 == self.step:
            os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.parametrize('step', [2, 3, 4])
def test_a_stopped_training_goes_on_from_that_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Three steps an epoch: within it, at its end, at the beginning of the next."""
    whole = build(tmp_path / 'whole', epochs=2)
    whole.train()
    monkeypatch.setenv(VARIABLE, 'USR1')
    before = signal.getsignal(signal.SIGUSR1)
    first = build(tmp_path / 'parts', epochs=2)
    first.register_hook(Sends(step))
    with pytest.raises(KeyboardInterrupt):
        first.train()
    assert signal.getsignal(signal.SIGUSR1) == before
    path = tmp_path / 'parts' / STOPPED
    assert find_newest_checkpoint(tmp_path / 'parts') == path
    assert read_checkpoint(path)['meta']['iter'] == step
    rest = build(tmp_path / 'parts', epochs=2, resume=True)
    rest.train()
    assert_same(whole, rest)
    assert len(rest.model.seen) == 6 - step
    assert signal.getsignal(signal.SIGUSR1) == before


def test_accumulated_gradients_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of two steps of three: the signal comes in the first of a group."""
    monkeypatch.setenv(VARIABLE, 'SIGUSR1')
    runner = build(tmp_path, epochs=2)
    runner.register_hook(Sends(4))
    runner.optim_wrapper = runner.build_optim_wrapper(dict(
        accumulative_counts=2, optimizer=dict(type='SGD', lr=0.01)))
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert read_checkpoint(tmp_path / STOPPED)['meta']['iter'] == 5


def test_nobody_listens_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not any(isinstance(hook, StopSignalHook) for hook in build(tmp_path, epochs=1).hooks)
    monkeypatch.setenv(VARIABLE, 'USR1 KILL WINTER')
    with pytest.raises(ValueError, match='PKD_STOP_SIGNALS names KILL, WINTER; there are signals such as USR1'):
        build(tmp_path, epochs=1)
