"""``tools/visualize.py report``: one HTML page on some runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('report', help='one HTML page on some runs: tables, charts, pictures, configs')
    parser.add_argument('runs', nargs='+', metavar='[TITLE=]FOLDER', help='a run; a folder of runs, of a demo or '
                        'recipe, or of tools/compare.py; or a folder or JSON of something else to show (robustness, '
                        'latency, bias, maps)')
    parser.add_argument('--out', type=Path, required=True, metavar='HTML', help='page to write')
    parser.add_argument('--title', default='', help='of the page (default: the name of the first folder)')
    parser.add_argument('--baseline', metavar='TITLE', help='run that the others are compared with (default: the first '
                        'student without distillation)')
    parser.add_argument('--teachers', nargs='+', default=[], metavar='TITLE', help='runs that are teachers, where '
                        'their students do not tell')
    parser.add_argument('--root', type=Path, metavar='DIR', help='data root, if not where the configs say')
    parser.add_argument('--without', nargs='+', default=[], metavar='SECTION', help='sections to leave out')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write it, and print its name and size."""
    from perception_kd.files import check_file_target
    from perception_kd.visualization.report.gather import gather
    from perception_kd.visualization.report.write import write_report

    check_file_target(args.out)
    runs = gather(args.runs, teachers=args.teachers, baseline=args.baseline, root=args.root, title=args.title)
    written = write_report(runs, args.out, without=args.without, progress=_tell)
    print(f'{written.path} ({written.size / 1e6:.1f} MB; {", ".join(written.sections)})')
    return 0


def _tell(section: str) -> None:
    print(f'report: {section} ...', flush=True)
