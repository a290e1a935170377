"""``tools/visualize.py record``: a scene as a recording for the Rerun viewer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.visualization.commands.choices import add_data, add_look, add_results, chosen_options


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('record', help='a scene as a recording for the Rerun viewer')
    add_data(parser)
    add_results(parser)
    parser.add_argument('--scene', default='0', metavar='NAME|INDEX', help='which scene (default: the first)')
    parser.add_argument('--maps', type=Path, nargs=2, metavar=('CONFIG', 'CHECKPOINT'),
                        help='record what distillation works on, too: maps of this model')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override settings of that config, such as model.teachers.lidar.checkpoint=FILE')
    parser.add_argument('--out', type=Path, required=True, metavar='RRD', help='recording to write')
    add_look(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Record it, and print what was written and how to look at it."""
    from perception_kd.overrides import named_overrides
    from perception_kd.visualization.recording.save import save_recording

    words = args.cfg_options
    overrides = named_overrides([['config', *words]], '--cfg-options')['config'] if words else {}
    made = save_recording(infos=args.infos, root=args.root, scene=args.scene, results=args.results, out=args.out,
                          options=chosen_options(args), model=args.maps, cfg_options=overrides)
    print(f'{args.out} ({made.scene}: {made.frames} frames, {made.megabytes:.1f} MB); look at it with: '
          f'rerun {args.out}')
    return 0
