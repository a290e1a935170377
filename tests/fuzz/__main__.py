"""Fuzz the readers of files: a process a reader, and what they found as a table.

examples:
  python -m tests.fuzz --runs 20000 --out work_dirs/fuzz
  python -m tests.fuzz --runs 1000000 --out work_dirs/fuzz --json docs/benchmarks/fuzz.json
  python -m tests.fuzz --only radar_pcd config --runs 50000 --seed 3 --out work_dirs/fuzz

What breaks a reader is kept in OUT/READER as crash-*, oom-* or timeout-*; `python -m tests.fuzz.child READER FOLDER
FILE` runs it again.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from perception_kd.cli import run_tool
from perception_kd.files import write_json
from tests.fuzz.readers import READERS, SHARES

_NUMBERS = dict(runs=r'stat::number_of_executed_units: (\d+)', new=r'stat::new_units_added:\s+(\d+)',
                peak_mb=r'stat::peak_rss_mb:\s+(\d+)')


def main() -> int:
    """1 where a reader broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, required=True, help='folder for corpora, logs and findings')
    parser.add_argument('--runs', type=int, default=20000, metavar='N', help='inputs, all readers together')
    parser.add_argument('--only', nargs='+', choices=sorted(READERS), default=list(READERS), help='these readers')
    parser.add_argument('--seed', type=int, default=1, help='of the fuzzer, not 0')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures')
    args = parser.parse_args()
    whole = sum(SHARES[name] for name in args.only)
    rows = {}
    for name in args.only:
        print(f'{name} ...', end=' ', flush=True)
        rows[name] = fuzz(name, args.out / name, round(args.runs * SHARES[name] / whole), args.seed)
        print('{runs} inputs, {seconds:.0f} s, coverage {coverage} of the readers\' branches, {new} new, '
              '{peak_mb} MB, {outcome}'.format(**rows[name]))
    if args.json:
        write_json(args.json, dict(seed=args.seed, readers=rows, runs=sum(row['runs'] for row in rows.values())))
    print(f'{sum(row["runs"] for row in rows.values())} inputs in all')
    return int(any(row['outcome'] != 'nothing found' for row in rows.values()))


def fuzz(name: str, folder: Path, runs: int, seed: int) -> dict[str, int | float | str]:
    """Fuzz one reader, or ``all``, in a process of its own.

    Returns:
        ``runs`` inputs tried, ``seconds``, ``coverage`` (edges of the readers' code that were reached), ``new`` inputs
        that reached more than those before, ``peak_mb`` of memory, ``outcome``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    done = subprocess.run([sys.executable, '-m', 'tests.fuzz.child', name, str(folder), f'-runs={runs}',
                           f'-seed={seed}'], capture_output=True, text=True, errors='replace',
                          env={**os.environ, 'PYTHONHASHSEED': '0'})  # the same seed tries the same inputs
    text = done.stdout + done.stderr
    (folder / 'log.txt').write_text(text)
    found = {key: int((re.findall(pattern, text) or [0])[-1]) for key, pattern in _NUMBERS.items()}
    coverage = int((re.findall(r'cov: (\d+)', text) or [0])[-1])
    outcome = 'nothing found' if done.returncode == 0 else f'BROKEN, see {folder}/log.txt'
    return dict(**found, seconds=time.monotonic() - start, coverage=coverage, outcome=outcome)


if __name__ == '__main__':
    run_tool(main)
