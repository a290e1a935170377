"""``tools/visualize.py scene``: cameras and bird's-eye view of one sample."""

from __future__ import annotations

import argparse
from typing import Any

from perception_kd.visualization.commands.choices import (
    add_camera_lidar,
    add_data,
    add_look,
    add_range,
    add_results,
    add_sample,
    add_size,
    chosen_options,
)


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('scene', help="cameras and bird's-eye view of one sample")
    for part in (add_data, add_results, add_sample, add_look, add_range, add_camera_lidar, add_size):
        part(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw it, and print the file's name and size."""
    from perception_kd.visualization.run import save_scene

    size = save_scene(infos=args.infos, root=args.root, sample=args.sample, results=args.results, out=args.out,
                      options=chosen_options(args), dpi=args.dpi, max_width=args.max_width)
    print(f'{args.out} ({size[0]} x {size[1]})')
    return 0
