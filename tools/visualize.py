#!/usr/bin/env python
"""Draw samples as PNG pictures, and scenes as videos; no display is needed.

examples:
  python tools/visualize.py scene --infos INFOS.pkl --root DIR --sample 12 --out scene.png
  python tools/visualize.py scene --infos INFOS.pkl --root DIR --results results_nusc.json \\
      --score 0.4 --radar velocity --range 40 --out scene.png
  python tools/visualize.py compare --infos INFOS.pkl --root DIR --sample 4 --teacher T.json \\
      --student S.json --student-kd K.json --out compare.png
  python tools/visualize.py video --infos INFOS.pkl --root DIR --scene scene-0103 --out scene.mp4
  python tools/visualize.py video --infos INFOS.pkl --root DIR --scene 0 --results results_nusc.json \\
      --fps 4 --out scene.gif
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest='command', required=True, metavar='{scene,compare,video}')
    scene = commands.add_parser('scene', help="cameras and bird's-eye view of one sample")
    compare = commands.add_parser('compare', help='truth, teacher and students side by side')
    compare.add_argument('--teacher', type=Path, metavar='JSON', help='results of the teacher')
    compare.add_argument('--student', type=Path, metavar='JSON', help='results of the student')
    compare.add_argument(
        '--student-kd', type=Path, metavar='JSON', help='results of the student with distillation'
    )
    compare.add_argument(
        '--cameras',
        choices=['front', 'all', 'none'],
        default='front',
        help="front: in every column; all: with the last model's boxes (default: front)",
    )
    video = commands.add_parser('video', help='the picture `scene` of every key frame of a scene')
    video.add_argument('--scene', default='0', metavar='NAME|INDEX', help='which scene (default: the first)')
    video.add_argument('--fps', type=float, metavar='N', help='frames per second (default: as recorded)')
    for command in (scene, video):
        command.add_argument(
            '--results', type=Path, metavar='JSON', help="predictions in nuScenes' submission format"
        )
    for command in (scene, compare):
        command.add_argument(
            '--sample', default='0', metavar='TOKEN|INDEX', help='which sample (default: the first)'
        )
        command.add_argument('--out', type=Path, required=True, metavar='PNG', help='picture to write')
    video.add_argument(
        '--out', type=Path, required=True, metavar='FILE', help='.mp4, .gif, or a folder of PNGs (no suffix)'
    )
    for command in (scene, compare, video):
        add_common(command)
    video.set_defaults(max_width=1280)
    return parser.parse_args()


def add_common(parser: argparse.ArgumentParser) -> None:
    """What all pictures and videos take."""
    parser.add_argument(
        '--infos', type=Path, required=True, metavar='PKL', help='info file of tools/create_data.py'
    )
    parser.add_argument('--root', type=Path, required=True, metavar='DIR', help='data root')
    parser.add_argument('--score', type=float, default=0.3, help='leave out predictions below (default: 0.3)')
    parser.add_argument('--classes', nargs='+', metavar='NAME', help='show these classes only')
    parser.add_argument(
        '--range',
        type=float,
        nargs='+',
        metavar='M',
        help='metres shown all round, or three numbers: ahead, behind, side (default: fits the boxes)',
    )
    parser.add_argument(
        '--lidar', choices=['height', 'intensity'], default='height', help='colour of LiDAR points'
    )
    parser.add_argument('--no-lidar', action='store_true', help='leave LiDAR points out')
    parser.add_argument(
        '--radar',
        choices=['depth', 'velocity', 'none'],
        default='depth',
        help='colour of radar returns (default: depth)',
    )
    parser.add_argument(
        '--palette',
        choices=['nuscenes', 'safe'],
        default='nuscenes',
        help="nuScenes' class colours, or a set that colour-blind readers can tell apart",
    )
    parser.add_argument('--dpi', type=float, default=100, help='100 gives 1800 pixels across (default: 100)')
    parser.add_argument(
        '--max-width', type=int, metavar='PX', help='no picture wider than this (default: 1280 for a video)'
    )


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.visualization.options import PictureOptions, view_of_range
    from perception_kd.visualization.run import save_compare, save_scene
    from perception_kd.visualization.video import save_video

    chosen = {'classes': tuple(args.classes)} if args.classes else {}
    options = PictureOptions(
        score=args.score,
        view=view_of_range(args.range),
        radar=args.radar,
        palette=args.palette,
        lidar='none' if args.no_lidar else args.lidar,
        **chosen,
    )
    common = {name: getattr(args, name) for name in ('infos', 'root', 'out', 'dpi', 'max_width')}
    if args.command == 'video':
        made = save_video(scene=args.scene, results=args.results, options=options, fps=args.fps, **common)
        print(f'{args.out} ({made.scene}: {made.frames} frames of {made.size[0]} x {made.size[1]} at {made.fps:g}/s)')
        return 0
    if args.command == 'scene':
        size = save_scene(sample=args.sample, results=args.results, options=options, **common)
    else:
        models = {
            'Teacher': args.teacher,
            'Student': args.student,
            'Student with distillation': args.student_kd,
        }
        models = {title: path for title, path in models.items() if path}
        size = save_compare(sample=args.sample, models=models, cameras=args.cameras, options=options, **common)
    print(f'{args.out} ({size[0]} x {size[1]})')
    return 0


if __name__ == '__main__':
    run_tool(main)
