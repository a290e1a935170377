"""How long frames took: what a robot would wait for, and what is only for people."""

from __future__ import annotations

import numpy as np

from perception_kd.benchmark.stage_clock import REST
from perception_kd.inference.rates import Rates

READ, WAIT, TRACK, DRAW, WRITE = 'read', 'wait', 'track', 'draw', 'write'
LATENCY = 'latency'
_EXTRAS = (WAIT, DRAW, WRITE)  # not part of the latency: waiting for a live frame, and what is for people
_PARTS = (50, 95, 99)
_MOST = 50_000  # frames whose seconds are kept: streams run for days


class FrameTimes:
    """Seconds of frames by stage, of the first ``_MOST``, and over all of the run.

    Attributes:
        rates: The seconds.
        frames: All that were counted.
    """

    def __init__(self) -> None:
        self.rates, self.frames = Rates(), 0

    def add(self, seconds: dict[str, float]) -> float:
        """Those of the next frame, ``total`` among them; its latency."""
        extras = {name: seconds[name] for name in _EXTRAS if name in seconds}
        stages = {name: value for name, value in seconds.items() if name not in (REST, 'total', *extras)}
        latency = seconds['total'] - sum(extras.values())
        self.frames += 1
        if self.frames <= _MOST:
            self.rates.add({**stages, REST: seconds.get(REST, 0.0), LATENCY: latency, **extras})
        return latency

    def to_json(self) -> dict:
        """As ``Rates``, with percentiles of the latency in ms."""
        return {**self.rates.to_json(), 'latency_ms': self.percentiles(), 'frames': self.frames}

    def percentiles(self) -> dict[str, float]:
        """``p50``, ``p95``, ``p99`` of the latency in ms; nothing without frames."""
        seconds = self.rates.stages.get(LATENCY, [])[:]
        counted = seconds[min(len(seconds) // 2, 2):]  # less the warm-up, as the table has it
        return {f'p{part}': round(float(value) * 1e3, 3)
                for part, value in zip(_PARTS, np.percentile(counted, _PARTS))} if counted else {}

    def table(self, wall: float) -> str:
        """A line a stage; then the latency, and frames per second over ``wall`` s, all included."""
        parts = ', '.join(f'{name} {value:.1f}' for name, value in self.percentiles().items())
        whole = f'{self.frames} frames in {wall:.1f} s: {self.frames / max(wall, 1e-9):.2f} frames/s, all included'
        return '\n'.join([self.rates.table(), f'latency in ms: {parts}', whole])
