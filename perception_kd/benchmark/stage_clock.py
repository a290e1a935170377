"""Seconds of each stage of a call, each moment counted once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from perception_kd.stages import listening

REST = 'rest'  # what runs in no stage


class StageClock:
    """Shares the time of a call out among the stages that run in it; where one is in another, the inner one gets it.

    On CUDA the times are those of events in the stream, taken without stopping it.

    Args:
        device: ``cpu`` or ``cuda``.
        names: Stages to tell apart, None for all; others belong to the one around them.
    """

    def __init__(self, device: str = 'cpu', names: Iterable[str] | None = None) -> None:
        self.cuda = torch.device(device).type == 'cuda'
        self.names = None if names is None else frozenset(names)

    def measure(self, call: Callable[[], Any]) -> dict[str, float]:
        """Seconds per stage and for the ``rest``; ``total`` is their sum, waiting for the device included."""
        self._open, self._marks = [REST], []
        with self._around(), listening(self._listen):
            call()
        seconds: dict[str, float] = defaultdict(float)
        for (name, begin), (_, end) in zip(self._marks, self._marks[1:]):
            seconds[name] += begin.elapsed_time(end) / 1e3 if self.cuda else end - begin
        return {**seconds, 'total': sum(seconds.values())}

    @contextmanager
    def _around(self) -> Iterator[None]:
        if self.cuda:
            torch.cuda.synchronize()
        self._mark()
        yield
        self._mark()
        if self.cuda:
            torch.cuda.synchronize()

    def _listen(self, name: str, begins: bool) -> None:
        if self.names is not None and name not in self.names:
            return
        if begins:
            self._open.append(name)
        else:
            self._open.pop()
        self._mark()

    def _mark(self) -> None:
        """What follows belongs to the innermost open stage."""
        if self.cuda:
            moment = torch.cuda.Event(enable_timing=True)
            moment.record()
        else:
            moment = time.perf_counter()
        self._marks.append((self._open[-1], moment))
