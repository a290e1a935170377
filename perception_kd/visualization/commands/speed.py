"""``tools/visualize.py speed``: how many times as fast, from files of ``tools/benchmark.py``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perception_kd.visualization.commands.choices import add_picture, save_picture

if TYPE_CHECKING:
    from perception_kd.visualization.sheet import Sheet


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('speed', help='how many times as fast, from files of tools/benchmark.py')
    parser.add_argument('files', nargs='+', metavar='[TITLE=]JSON[::COLUMN]',
                        help='files of tools/benchmark.py pooling, ops, nds, infos, loader; all columns, or one')
    add_picture(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw it, and print the file's name and size."""
    return save_picture(args, lambda: _draw(args.files))


def _draw(texts: list[str]) -> Sheet:
    from perception_kd.visualization.speed_chart import draw_speeds, read_speeds

    speeds = []
    for text in texts:
        place, _, column = text.partition('::')
        title, path = _split(place)
        speeds += read_speeds(path, column or None, title)
    return draw_speeds(speeds)


def _split(text: str) -> tuple[str | None, Path]:
    """Title and path of ``[TITLE=]PATH``; a path that holds ``=`` too begins after the first that leaves a file."""
    if Path(text).is_file():
        return None, Path(text)
    parts = text.split('=')
    cuts = [('='.join(parts[:place]), Path('='.join(parts[place:]))) for place in range(1, len(parts))]
    return next(((title, path) for title, path in cuts if path.is_file()), cuts[0] if cuts else (None, Path(text)))
