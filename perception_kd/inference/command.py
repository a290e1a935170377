"""What ``tools/infer.py`` does with a 3D detector."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from perception_kd.visualization.commands.choices import add_look, add_size, chosen_options

if TYPE_CHECKING:
    from mmengine.config import Config


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options that 3D detection alone has."""
    group = parser.add_argument_group('3D detection')
    group.add_argument('--version', metavar='V', help='tables of the root, where it has several')
    group.add_argument('--record', action='store_true', help='write a recording for the Rerun viewer too')
    group.add_argument('--no-pictures', action='store_true', help='neither pictures nor film')
    add_look(group)
    add_size(group)


def run(args: argparse.Namespace, cfg: Config) -> int:
    """Predict what the command line names; the exit status."""
    if len(args.input) != 1:
        raise ValueError(f'3D detection takes one input, a root or a folder; got {len(args.input)}')
    from perception_kd.inference.job import infer
    from perception_kd.inference.pictures import Shown

    shown = Shown(pictures=not args.no_pictures, film=args.format or 'mp4', record=args.record,
                  options=chosen_options(args), dpi=args.dpi, max_width=args.max_width)
    report = infer(cfg, args.checkpoint, args.input[0], args.out, samples=args.samples, version=args.version,
                   device=args.device, shown=shown)
    print(report.rates.table())
    for path in (*report.pictures[:1], report.film, report.recording):
        if path is not None:
            print(path)
    print(f'{report.results}: {report.frames} samples, {report.boxes} boxes')
    return 0
