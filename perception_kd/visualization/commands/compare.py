"""``tools/visualize.py compare``: truth, teacher and students side by side."""

from __future__ import annotations

import argparse
from typing import Any

from perception_kd.visualization.commands.choices import (
    add_camera_lidar,
    add_cameras,
    add_data,
    add_look,
    add_models,
    add_range,
    add_sample,
    add_size,
    chosen_models,
    chosen_options,
)


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('compare', help='truth, teacher and students side by side')
    for part in (add_data, add_models, add_sample, add_cameras, add_look, add_range, add_camera_lidar, add_size):
        part(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw it, and print the file's name and size."""
    from perception_kd.visualization.run import save_compare

    size = save_compare(infos=args.infos, root=args.root, sample=args.sample, models=chosen_models(args), out=args.out,
                        cameras=args.cameras, options=chosen_options(args), dpi=args.dpi, max_width=args.max_width)
    print(f'{args.out} ({size[0]} x {size[1]})')
    return 0
