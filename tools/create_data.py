#!/usr/bin/env python
"""Prepare a data set for training: info files with cameras, LiDAR, radar and boxes.

examples:
  python tools/create_data.py nuscenes --root data/nuscenes --version v1.0-mini
  python tools/create_data.py nuscenes --root data/nuscenes --version v1.0-trainval --workers 8
  python tools/create_data.py nuscenes --root data/sim --version v1.0-sim --splits sim_val --out data/sim
  python tools/create_data.py check --root data/nuscenes --version v1.0-trainval --workers 8 --report check.json
  python tools/create_data.py gt-database --root data/nuscenes --infos data/nuscenes/nuscenes_infos_train.pkl

Run it again after an interruption: finished scenes and files that are up to date are kept. Sweeps and radar files that
are not there are left out of infos and named; run it again when you have them. A key frame without its LiDAR or a
picture stops the run before it writes, unless --max-missing lets so many be left out.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest='kind', required=True, metavar='KIND')
    nuscenes = _add_kind(kinds, 'nuscenes', create, 'info files of any root in the nuScenes format')
    nuscenes.add_argument('--version', required=True, help='for example v1.0-mini')
    nuscenes.add_argument('--splits', nargs='+', metavar='SPLIT',
                          help="default: those in splits.json, else the official ones, else one, 'all'")
    nuscenes.add_argument('--out', type=Path, help='where nuscenes_infos_<split>.pkl go (default: the root)')
    nuscenes.add_argument('--lidar-sweeps', type=int, default=9, metavar='N',
                          help='earlier LiDAR sweeps listed per key frame (default: 9)')
    nuscenes.add_argument('--radar-sweeps', type=int, default=6, metavar='N',
                          help='earlier sweeps listed per radar and key frame (default: 6)')
    nuscenes.add_argument('--max-missing', type=int, default=0, metavar='N',
                          help='leave out up to N key frames without LiDAR or a picture (default: 0)')
    nuscenes.add_argument('--strict', action='store_true',
                          help='stop at any missing sensor file (default: leave sweeps and radars out and say so)')
    nuscenes.add_argument('--force', action='store_true', help='make everything again')

    files = _add_kind(kinds, 'check', check, 'are all files that info files name there and whole?')
    files.add_argument('--version', required=True, help='for example v1.0-mini')
    files.add_argument('--infos', type=Path, nargs='+', default=(), metavar='FILE',
                       help='default: all of the version in the root')
    files.add_argument('--deep', action='store_true',
                       help='decode every picture and look at every LiDAR point (default: sizes, beginnings and ends)')
    files.add_argument('--limit', type=int, default=0, metavar='N',
                       help='exit with status 1 above N faulty files (default: 0)')
    files.add_argument('--report', type=Path, metavar='FILE.json', help='all that was found')

    objects = _add_kind(kinds, 'gt-database', create_database, 'points of true boxes, to paste into other key frames')
    objects.add_argument('--infos', type=Path, required=True, metavar='FILE', help='info file of a training split')
    objects.add_argument('--out', type=Path, help='where the database goes (default: the folder of the info file)')
    objects.add_argument('--gt-sweeps', type=int, default=9, metavar='N',
                         help='points of so many earlier sweeps too; as many as the training loads (default: 9)')
    objects.add_argument('--layout', choices=('packed', 'mmdet3d'), default='packed',
                         help="one file a scene, or one an object for mmdet3d's own ObjectSample (default: packed)")
    objects.add_argument('--max-corrupt', type=int, default=0, metavar='N',
                         help='leave out up to N key frames with missing or broken files (default: 0)')
    objects.add_argument('--force', action='store_true', help='make everything again')
    return parser.parse_args()


def _add_kind(kinds: argparse._SubParsersAction, name: str, run: Callable[[argparse.Namespace], int],
              what: str) -> argparse.ArgumentParser:
    parser = kinds.add_parser(name, help=what, description=what)
    parser.set_defaults(run=run)
    parser.add_argument('--root', type=Path, required=True, help='folder that holds samples/ and VERSION/')
    parser.add_argument('--workers', type=int, default=0, metavar='N', help='processes (default: this one)')
    return parser


def create(args: argparse.Namespace) -> int:
    """``nuscenes``: info files."""
    from perception_kd.datasets.nuscenes.create import InfoJob, create_infos

    job = InfoJob(root=args.root, version=args.version, out=args.out or args.root,
                  lidar_sweeps=args.lidar_sweeps, radar_sweeps=args.radar_sweeps)
    create_infos(job, splits=args.splits, workers=args.workers, force=args.force,
                 strict=args.strict, max_missing=args.max_missing)
    return 0


def check(args: argparse.Namespace) -> int:
    """``check``: sensor files; the status is 1 where more are faulty than may be."""
    from perception_kd.datasets.nuscenes.file_check import check_info_files
    from perception_kd.files import check_file_target, write_json

    if args.report:
        check_file_target(args.report)
    report = check_info_files(args.root, args.version, args.infos, deep=args.deep, workers=args.workers)
    print(*report.lines(), sep='\n')
    if args.report:
        write_json(args.report, report.as_json())
    return int(len(report.faults) > args.limit)


def create_database(args: argparse.Namespace) -> int:
    """``gt-database``."""
    from perception_kd.datasets.nuscenes.gt_database import GTDatabaseJob, create_gt_database

    job = GTDatabaseJob(root=args.root, infos=args.infos, out=args.out or args.infos.parent, sweeps=args.gt_sweeps,
                        layout=args.layout)
    create_gt_database(job, workers=args.workers, force=args.force, max_corrupt=args.max_corrupt)
    return 0


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    for name, value in vars(args).items():
        if isinstance(value, int) and value < 0:
            raise ValueError(f'--{name.replace("_", "-")} must not be negative')
    return args.run(args)


if __name__ == '__main__':
    run_tool(main)
