"""``tools/visualize.py view3d``: a sample in three dimensions, as picture, film or window."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.visualization.commands.choices import add_data, add_look, add_range, add_results, chosen_options


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('view3d', help='a sample in three dimensions: picture, orbit, drive, or window')
    add_data(parser)
    add_results(parser)
    parser.add_argument('--sample', default='0', metavar='TOKEN|INDEX', help='which sample (default: the first)')
    parser.add_argument('--scene', metavar='NAME|INDEX', help='a film of all key frames of this scene')
    parser.add_argument('--out', type=Path, metavar='FILE',
                        help='.png; or .mp4, .gif, a folder of PNGs (no suffix): a film around the sample, or of '
                        '--scene; without it a window opens')
    parser.add_argument('--camera', choices=['chase', 'bird', 'side', 'front'], default='chase',
                        help='where from (default: chase, from behind and above)')
    parser.add_argument('--theme', choices=['light', 'dark'], default='light', help='white paper or a dark background')
    parser.add_argument('--renderer', choices=['auto', 'open3d', 'software', 'window'], default='auto',
                        help='auto: Open3D, or the built-in renderer where Open3D cannot draw (default: auto)')
    parser.add_argument('--frames', type=int, default=96, metavar='N', help='of a film around the sample (default: 96)')
    parser.add_argument('--fps', type=float, metavar='N',
                        help='frames per second (default: 20 around a sample, a scene as recorded)')
    parser.add_argument('--size', default='1600x900', metavar='WxH', help='pixels (default: 1600x900)')
    parser.add_argument('--fineness', type=int, default=1, metavar='N',
                        help='render so many times as large, then make smaller: 1 to 4 (default: 1)')
    parser.add_argument('--photos', action='store_true', help="hang the cameras' pictures around the vehicle")
    parser.add_argument('--bare', action='store_true', help='no title, no key, no radii')
    add_look(parser)
    add_range(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw it and print what was written, or show it."""
    from perception_kd.visualization.view3d.run import save_view3d, show_view3d
    from perception_kd.visualization.view3d.stage import Stage, size_of_text

    window = args.renderer == 'window' or args.out is None
    stage = Stage(camera=args.camera, theme=args.theme, size=size_of_text(args.size), fineness=args.fineness,
                  renderer='auto' if window else args.renderer, photos=args.photos, bare=args.bare)
    chosen = dict(infos=args.infos, root=args.root, sample=args.sample, results=args.results,
                  options=chosen_options(args), stage=stage)
    if window:
        if args.out is not None or args.scene is not None:
            raise ValueError('a window shows one sample and writes nothing: leave --out and --scene out')
        show_view3d(**chosen)
        return 0
    made = save_view3d(**chosen, out=args.out, scene=args.scene, frames=args.frames, fps=args.fps)
    film = f'{made.frames} frames of ' if made.fps else ''
    rate = f' at {made.fps:g}/s' if made.fps else ''
    print(f'{args.out} ({film}{made.size[0]} x {made.size[1]}{rate}, {made.renderer})')
    return 0
