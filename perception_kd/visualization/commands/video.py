"""``tools/visualize.py video``: the picture ``scene`` or ``compare`` of every key frame of a scene."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.visualization.commands.choices import (
    add_camera_lidar,
    add_cameras,
    add_data,
    add_look,
    add_models,
    add_range,
    add_results,
    add_size,
    chosen_models,
    chosen_options,
)


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('video', help='the picture `scene` or `compare` of every key frame of a scene')
    for part in (add_data, add_results, add_models, add_cameras):
        part(parser)
    parser.add_argument('--scene', default='0', metavar='NAME|INDEX', help='which scene (default: the first)')
    parser.add_argument('--fps', type=float, metavar='N', help='frames per second (default: as recorded)')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE',
                        help='.mp4, .gif, or a folder of PNGs (no suffix)')
    for part in (add_look, add_range, add_camera_lidar):
        part(parser)
    add_size(parser, max_width=1280)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw it, and print what was written."""
    from perception_kd.visualization.video import save_video

    made = save_video(infos=args.infos, root=args.root, scene=args.scene, results=args.results,
                      models=chosen_models(args), cameras=args.cameras, out=args.out, options=chosen_options(args),
                      fps=args.fps, dpi=args.dpi, max_width=args.max_width)
    print(f'{args.out} ({made.scene}: {made.frames} frames of {made.size[0]} x {made.size[1]} at {made.fps:g}/s)')
    return 0
