"""``tools/visualize.py maps``: what distillation works on, seen from above."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.visualization.commands.choices import add_size


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('maps', help='what distillation works on, seen from above, before and after training')
    parser.add_argument('config', help='config of a distiller or of a student')
    parser.add_argument('checkpoint', type=Path, help='weights after training')
    parser.add_argument('--before', type=Path, metavar='PTH',
                        help="weights before training (default: those that the config's seed draws)")
    parser.add_argument('--sample', nargs='*', default=['0'], metavar='TOKEN|INDEX',
                        help='which samples (default: the first)')
    parser.add_argument('--average', type=int, default=8, metavar='N',
                        help='mean over so many samples, spread over the split; 0: none (default: 8)')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='val',
                        help='where the samples come from (default: val)')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder for PNGs and maps.json')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override settings of the config, for example model.teachers.lidar.checkpoint=PTH')
    add_size(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw them, and print their names."""
    from perception_kd.files import require_file

    for path in filter(None, (args.checkpoint, args.before)):
        require_file(path, 'checkpoint')
    from perception_kd.engine.build import load_config
    from perception_kd.overrides import named_overrides
    from perception_kd.visualization.maps.write import save_maps

    words = args.cfg_options
    options = named_overrides([['config', *words]], '--cfg-options')['config'] if words else {}
    made, remarks = save_maps(
        load_config(args.config, options), args.checkpoint, out=args.out, samples=args.sample,
        average=args.average, before=args.before, split=args.split, dpi=args.dpi, max_width=args.max_width)
    print('\n'.join(map(str, [*made, *remarks])))
    return 0
