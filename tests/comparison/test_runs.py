"""What a run's file says of its training."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.hooks import Hook

from perception_kd.comparison import runs as runs_module
from perception_kd.comparison.runs import TrainTimeHook
from tests.engine.tiny_run import build

LOADING, STEP, VALIDATION = 100.0, 1.0, 10.0


class Clock(Hook):
    """Time that passes with what a training does, and a kill at a moment of it."""

    def __init__(self, killed_in: int | None) -> None:
        self.now, self.killed_in = 0.0, killed_in

    def before_train(self, runner) -> None:
        self.now += LOADING

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        if runner.iter == self.killed_in:
            raise KeyboardInterrupt
        self.now += STEP

    def before_val(self, runner) -> None:
        self.now += VALIDATION


def train(folder: Path, monkeypatch: pytest.MonkeyPatch, killed_in: int | None = None, resume: bool = False) -> float:
    clock, found = Clock(killed_in), TrainTimeHook()
    monkeypatch.setattr(runs_module.time, 'perf_counter', lambda: clock.now)
    runner = build(folder, epochs=3, validate=True, resume=resume)
    for hook in (clock, found):
        runner.register_hook(hook)
    runner.train()
    return found.seconds


def test_seconds_of_a_resumed_training_are_those_of_a_whole_one(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """Three epochs of three steps; the kill in the second step of the second epoch loses one step."""
    whole = train(tmp_path / 'a', monkeypatch)
    assert whole == 9 * STEP + 3 * VALIDATION
    for killed_in in (4, 7):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / 'b', monkeypatch, killed_in=killed_in, resume=killed_in > 4)
    assert train(tmp_path / 'b', monkeypatch, resume=True) == whole
