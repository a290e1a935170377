"""``tools/visualize.py differences``: methods against a reference, from the kept files of ``tools/compare.py``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.visualization.commands.choices import add_size


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('differences', help='methods against a reference over seeds, from a comparison')
    parser.add_argument('folder', type=Path, metavar='DIR', help='of tools/compare.py --out: NAME-seedS.json')
    parser.add_argument('--reference', default='none', metavar='[TITLE=]NAME', help='compared with (default: none)')
    parser.add_argument('--methods', nargs='+', default=[], metavar='[TITLE=]NAME',
                        help='in this order (default: all, by name)')
    parser.add_argument('--metric', metavar='NAME', help='of which (default: mAP, AP or EPE)')
    parser.add_argument('--out', type=Path, required=True, metavar='PNG', help='picture to write')
    add_size(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw it, and print the file's name and size."""
    from perception_kd.comparison.differences.chart import draw_differences
    from perception_kd.comparison.differences.kept import first_metric, kept_rows, kept_runs
    from perception_kd.visualization.sheet import check_png, check_resolution

    check_png(args.out)
    check_resolution(args.dpi, args.max_width)
    metric = args.metric or first_metric(kept_runs(args.folder))
    title, _, reference = args.reference.rpartition('=')
    rows = kept_rows(args.folder, reference, metric, _titles(args.methods))
    sheet = draw_differences(rows, metric, title or reference)
    size = sheet.save(args.out, dpi=args.dpi, max_width=args.max_width)
    print(f'{args.out} ({size[0]} x {size[1]})')
    return 0


def _titles(texts: list[str]) -> dict[str, str]:
    """Name -> title.

    Raises:
        ValueError: a method is named twice.
    """
    pairs = [text.rpartition('=') for text in texts]
    titles = {name: title or name for title, _, name in pairs}
    if len(titles) < len(pairs):
        raise ValueError(f'--methods names a method twice: {" ".join(texts)}')
    return titles
