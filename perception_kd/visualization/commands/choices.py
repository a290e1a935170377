"""Choices that several commands share: which data, what to show, how large."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perception_kd.visualization.options import PictureOptions
    from perception_kd.visualization.sheet import Sheet


def add_data(parser: argparse.ArgumentParser) -> None:
    """Where samples come from."""
    parser.add_argument('--infos', type=Path, required=True, metavar='PKL', help='info file of tools/create_data.py')
    parser.add_argument('--root', type=Path, required=True, metavar='DIR', help='data root')


def add_sample(parser: argparse.ArgumentParser) -> None:
    """Which sample, and the picture of it."""
    parser.add_argument('--sample', default='0', metavar='TOKEN|INDEX', help='which sample (default: the first)')
    parser.add_argument('--out', type=Path, required=True, metavar='PNG', help='picture to write')


def add_results(parser: argparse.ArgumentParser) -> None:
    """Predictions of one model."""
    parser.add_argument('--results', type=Path, metavar='JSON', help="predictions in nuScenes' submission format")


def add_models(parser: argparse.ArgumentParser) -> None:
    """Predictions of up to three models."""
    parser.add_argument('--teacher', type=Path, metavar='JSON', help='results of the teacher')
    parser.add_argument('--student', type=Path, metavar='JSON', help='results of the student')
    parser.add_argument('--student-kd', type=Path, metavar='JSON', help='results of the student with distillation')


def add_cameras(parser: argparse.ArgumentParser) -> None:
    """Cameras of a comparison."""
    parser.add_argument('--cameras', choices=['front', 'all', 'none'], default='front',
                        help="of comparisons: front in each column, all with the last model's boxes (default: front)")


def add_look(parser: argparse.ArgumentParser) -> None:
    """What is shown, and in which colours."""
    parser.add_argument('--score', nargs='+', default=['0.3'], metavar='N|CLASS=N',
                        help='leave out predictions below, for all classes or one: 0.3 car=0.4 (default: 0.3)')
    parser.add_argument('--classes', nargs='+', metavar='NAME', help='show these classes only')
    parser.add_argument('--lidar', choices=['height', 'intensity'], default='height',
                        help='colour of LiDAR points on the ground and in space (default: height)')
    parser.add_argument('--no-lidar', action='store_true', help='leave these points out')
    parser.add_argument('--radar', choices=['depth', 'velocity', 'none'], default='depth',
                        help='colour of radar returns (default: depth)')
    parser.add_argument('--no-velocity', action='store_true', help='no arrows for the velocities of boxes')
    parser.add_argument('--palette', choices=['nuscenes', 'safe'], default='nuscenes',
                        help="nuScenes' class colours, or a set that colour-blind readers can tell apart")


def add_range(parser: argparse.ArgumentParser) -> None:
    """How much of the ground."""
    parser.add_argument('--range', type=float, nargs='+', metavar='M', help='metres shown all round, or three numbers: '
                        'ahead, behind, side (default: fits the boxes)')


def add_camera_lidar(parser: argparse.ArgumentParser) -> None:
    """LiDAR points on photographs."""
    parser.add_argument('--camera-lidar', choices=['depth', 'height', 'intensity'], default='none',
                        help='LiDAR points in the cameras too, in colours of this (default: none)')


def add_size(parser: argparse.ArgumentParser, max_width: int | None = None) -> None:
    """Resolution of pictures."""
    parser.add_argument('--dpi', type=float, default=100, help='100 gives 1800 pixels across (default: 100)')
    bound = f' (default: {max_width})' if max_width else ''
    parser.add_argument('--max-width', type=int, default=max_width, metavar='PX', help=f'no picture wider{bound}')


def chosen_options(args: argparse.Namespace) -> PictureOptions:
    """What ``add_look`` asked for, and where the command has them ``add_range`` and ``add_camera_lidar``."""
    from perception_kd.visualization.options import PictureOptions, scores_of_texts, view_of_range

    chosen: dict[str, Any] = {'classes': tuple(args.classes)} if args.classes else {}
    score, class_scores = scores_of_texts(args.score)
    return PictureOptions(score=score, class_scores=class_scores, view=view_of_range(getattr(args, 'range', None)),
                          lidar='none' if args.no_lidar else args.lidar, radar=args.radar,
                          camera_lidar=getattr(args, 'camera_lidar', 'none'), velocities=not args.no_velocity,
                          palette=args.palette, **chosen)


def chosen_models(args: argparse.Namespace) -> dict[str, Path]:
    """Title -> result file of the models that ``add_models`` was given."""
    given = {'Teacher': args.teacher, 'Student': args.student, 'Student with distillation': args.student_kd}
    return {title: path for title, path in given.items() if path}


def add_picture(parser: argparse.ArgumentParser) -> None:
    """Where a picture goes, and its resolution."""
    parser.add_argument('--out', type=Path, required=True, metavar='PNG', help='picture to write')
    add_size(parser)


def save_picture(args: argparse.Namespace, draw: Callable[[], Sheet]) -> int:
    """Draw where the choices of :func:`add_picture` allow it, write it, and print the file's name and size."""
    from perception_kd.visualization.sheet import check_png, check_resolution

    check_png(args.out)
    check_resolution(args.dpi, args.max_width)
    size = draw().save(args.out, dpi=args.dpi, max_width=args.max_width)
    print(f'{args.out} ({size[0]} x {size[1]})')
    return 0
