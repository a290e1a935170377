"""What imports cost: seconds and memory of fresh processes, turn by turn."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from perception_kd.benchmark.timing import Spread, machine, turns, versions

ROOT = Path(__file__).parents[2]
AIM = 0.5  # s that the core may add to torch
TOOL = 'tools/train.py'
SIDES = {
    'python': 'pass',
    'torch': 'import torch',
    'core': 'import torch, perception_kd, perception_kd.distill',
    'taps': 'import torch; from perception_kd.distill import TapRecorder, capture_modules, tap',
    'mmengine.model': 'import torch, mmengine.model',
    'Distiller': 'import torch; from perception_kd.distill import Distiller',
}
"""Name -> what the process does."""
OVER = (('torch', 'python'), ('core', 'torch'), ('taps', 'torch'), ('mmengine.model', 'torch'), ('Distiller', 'torch'),
        ('Distiller', 'mmengine.model'), (f'{TOOL} --help', 'python'))  # fmt: skip
"""Sides, each with the one that it is held against: what the other imports, too."""
# The kernel's own peak of this program alone; what a parent reads of its children counts the parent, too.
_TELL = "\nprint('\\n' + next(line for line in open('/proc/self/status') if line.startswith('VmHWM')), end='')"


@dataclass
class ImportReport:
    """Runs of every side.

    Attributes:
        seconds: Of the whole process, by side, one number a run.
        peak_bytes: Most memory of the process, by side, one number a run.
        setting: Runs, and what each side does.
    """

    setting: dict[str, Any]
    seconds: dict[str, list[float]]
    peak_bytes: dict[str, list[int]]
    benchmark: str = 'imports'

    @property
    def over(self) -> dict[str, dict[str, Spread]]:
        """What a side takes more than another in the same turn: ``seconds`` and ``bytes``, by ``side over other``."""
        return {f'{side} over {other}': {
            what: Spread.of([one - less for one, less in zip(runs[side], runs[other])])
            for what, runs in (('seconds', self.seconds), ('bytes', self.peak_bytes))}
            for side, other in OVER if side in self.seconds and other in self.seconds}

    def to_json(self) -> dict[str, Any]:
        """Everything, with medians and quartiles."""
        over = {name: {what: spread._asdict() for what, spread in found.items()} for name, found in self.over.items()}
        spread = {side: Spread.of(runs)._asdict() for side, runs in self.seconds.items()}
        return dict(benchmark=self.benchmark, setting=self.setting, seconds=self.seconds, spread=spread,
                    peak_bytes=self.peak_bytes, over=over, aim=AIM, machine=machine(), versions=versions())

    def table(self) -> str:
        """A line a side, then a line for each that is held against another."""
        lines = [f'{"fresh process":32s}{"ms: median (quartiles)":>28s}{"peak MiB":>10s}']
        lines += [f'{side:32s}{Spread.of(runs).ms():>28s}{Spread.of(self.peak_bytes[side]).median / 2**20:10.0f}'
                  for side, runs in self.seconds.items()]
        lines.append('more than')
        lines += [f'{name:32s}{found["seconds"].ms():>28s}{found["bytes"].median / 2**20:10.0f}'
                  for name, found in self.over.items()]
        if (core := self.over.get('core over torch')) is not None:
            lines.append(f'the core adds {core["seconds"].median:.2f} s to torch; aim: under {AIM} s')
        return '\n'.join(lines)


def benchmark_imports(*, runs: int = 10, sides: Mapping[str, str] | None = None) -> ImportReport:
    """Start every side once unmeasured, which compiles what it imports to bytecode, and then ``runs`` times (Linux).

    Args:
        runs: Measured runs of each side.
        sides: Code by name; default: :data:`SIDES`, and a tool's help where the package lies beside its tools.

    Raises:
        ChildProcessError: a process failed; its last words are told.
    """
    if sides is None:
        sides = dict(SIDES)
        if (ROOT / TOOL).is_file():
            sides[f'{TOOL} --help'] = help_of(TOOL)
    for name, code in sides.items():
        run_code(name, code)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    peak: dict[str, list[int]] = {name: [] for name in sides}
    for name in turns(sides, runs):
        taken, most = run_code(name, sides[name])
        seconds[name].append(taken)
        peak[name].append(most)
    return ImportReport(dict(runs=runs, sides=dict(sides)), seconds, peak)


def help_of(tool: str) -> str:
    """Code that does what ``python TOOL --help`` does, up to leaving."""
    return (f"import runpy, sys\nsys.argv = [{tool!r}, '--help']\ntry:\n    runpy.run_path({tool!r}, "
            "run_name='__main__')\nexcept SystemExit as left:\n    if left.code: raise\n")


def run_code(name: str, code: str) -> tuple[float, int]:
    """Seconds from the start to the end of a Python process that runs this, and the most bytes that it held.

    Args:
        name: For the message.
        code: Of a program, which begins in the folder where this package lies.

    Raises:
        ChildProcessError: it failed.
    """
    begin = perf_counter()
    found = subprocess.run([sys.executable, '-c', code + _TELL], capture_output=True, text=True, cwd=ROOT)
    seconds = perf_counter() - begin
    if found.returncode:
        last = (found.stderr.strip() or 'it said nothing').splitlines()[-1]
        raise ChildProcessError(f'{name}: its process failed (status {found.returncode}): {last}')
    return seconds, int(found.stdout.splitlines()[-1].split()[1]) * 1024
