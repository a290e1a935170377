"""``tools/visualize.py differences``: methods against a reference, from the kept files of ``tools/compare.py``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perception_kd.visualization.commands.choices import add_picture, save_picture

if TYPE_CHECKING:
    from perception_kd.visualization.sheet import Sheet


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('differences', help='methods against a reference over seeds, from a comparison')
    parser.add_argument('folder', type=Path, metavar='DIR', help='of tools/compare.py --out: NAME-seedS.json')
    parser.add_argument('--reference', default='none', metavar='[TITLE=]NAME', help='compared with (default: none)')
    parser.add_argument('--methods', nargs='+', default=[], metavar='[TITLE=]NAME',
                        help='in this order (default: all, by name)')
    parser.add_argument('--metric', metavar='NAME', help='of which (default: mAP, AP or EPE)')
    add_picture(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw it, and print the file's name and size."""
    return save_picture(args, lambda: _draw(args))


def _draw(args: argparse.Namespace) -> Sheet:
    from perception_kd.comparison.differences.chart import draw_differences
    from perception_kd.comparison.differences.kept import kept_rows

    title, _, reference = args.reference.rpartition('=')
    metric, rows = kept_rows(args.folder, reference, args.metric, _titles(args.methods))
    return draw_differences(rows, metric, title or reference)


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
