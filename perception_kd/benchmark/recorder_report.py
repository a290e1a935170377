"""What was measured of taps and their recorder, as table and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

from perception_kd.benchmark.timing import Spread, machine, versions

STRIPPED, BARE, RECORDED = 'no taps', 'no recorder', 'recorder'
AIM = 0.02  # of a step


@dataclass
class RecorderReport:
    """Steps of one student in three ways: ``no taps`` runs code in which nobody has marked any; ``no recorder`` the
    student's own, with nobody listening; ``recorder`` with one that takes all taps of the config's pairs.

    Attributes:
        setting: Case, config, shapes, taps.
        seconds: By mode and side, one number a turn.
        calls: Of ``tap`` in a step, by mode.
        seconds_per_call: Of ``tap`` alone while nobody records.
        peak: Bytes that a step adds at its peak, by mode and side.
    """

    setting: dict[str, Any]
    seconds: dict[str, dict[str, list[float]]]
    calls: dict[str, int]
    seconds_per_call: float
    peak: dict[str, dict[str, int]]
    benchmark: str = 'recorder'

    def overheads(self, mode: str, side: str) -> list[float]:
        """Share of a step that a side takes more than ``no taps`` in the same turn."""
        return [mine / plain - 1 for mine, plain in zip(self.seconds[mode][side], self.seconds[mode][STRIPPED])]

    @property
    def overhead(self) -> dict[str, dict[str, dict[str, float]]]:
        """By mode and side: ``median``, quartiles ``low`` and ``high``, and where the median lies with a confidence
        of at least 95 % (``from``, ``to``)."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for mode in self.seconds:
            for side in (BARE, RECORDED):
                shares = self.overheads(mode, side)
                begin, end = median_interval(shares)
                found.setdefault(mode, {})[side] = {**Spread.of(shares)._asdict(), 'from': begin, 'to': end}
        return found

    @property
    def counted(self) -> dict[str, float]:
        """Share of a step that its calls of ``tap`` take while nobody records, by their number and cost, by mode."""
        return {mode: self.calls[mode] * self.seconds_per_call / Spread.of(sides[STRIPPED]).median
                for mode, sides in self.seconds.items()}

    def to_json(self) -> dict[str, Any]:
        """Everything, with medians and quartiles."""
        spread = {mode: {side: Spread.of(runs)._asdict() for side, runs in sides.items()}
                  for mode, sides in self.seconds.items()}
        return dict(benchmark=self.benchmark, setting=self.setting, seconds=self.seconds, spread=spread,
                    overhead=self.overhead, aim=AIM, calls=self.calls, seconds_per_call=self.seconds_per_call,
                    counted=self.counted, peak_bytes=self.peak, machine=machine(), versions=versions())

    def table(self) -> str:
        """A line a mode and side: ms, overhead, peak memory."""
        lines = [f'{"":26s}{"ms: median (quartiles)":>28s}{"overhead % (quartiles)":>28s}{"95 % of the median":>24s}'
                 f'{"peak MiB":>10s}']
        for mode, sides in self.seconds.items():
            for side, runs in sides.items():
                more = ('', '')
                if side in self.overhead[mode]:
                    low, high, middle, begin, end = (100 * self.overhead[mode][side][name]
                                                     for name in ('low', 'high', 'median', 'from', 'to'))
                    more = f'{middle:+.2f} ({low:+.2f} to {high:+.2f})', f'{begin:+.2f} to {end:+.2f}'
                lines.append(f'{f"{mode}, {side}":26s}{Spread.of(runs).ms():>28s}{more[0]:>28s}{more[1]:>24s}'
                             f'{self.peak[mode][side] / 2**20:10.1f}')
        lines += [f'{mode}: {self.calls[mode]} taps a step, {self.seconds_per_call * 1e9:.0f} ns each while nobody '
                  f'records: {100 * share:.4f} % of a step' for mode, share in self.counted.items()]
        worst = max(one['median'] for sides in self.overhead.values() for one in sides.values())
        lines.append(f'largest median overhead {100 * worst:+.2f} %; aim: under {100 * AIM:.0f} %')
        return '\n'.join(lines)


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Between which of the values the median of their distribution lies, whatever that is (the sign test's interval,
    from order statistics; Conover, Practical Nonparametric Statistics, 1999, 3.2); all of them where there are few."""
    ordered, tail, place = sorted(values), 0.0, 0
    for below in range(len(ordered) // 2):
        tail += comb(len(ordered), below) / 2**len(ordered)
        if 2 * tail > 1 - confidence:
            break
        place = below
    return ordered[place], ordered[-1 - place]
