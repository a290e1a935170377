#!/usr/bin/env python
"""Write a simulated data set in a public format.

examples:
  python tools/simulate.py nuscenes --out data/sim                         12 short scenes, a minute or two
  python tools/simulate.py nuscenes --out data/sim --scenes 30 --seed 7 --force
  python tools/simulate.py stereo --out data/sim_stereo --count 1000       some minutes on 2 processors
  python tools/simulate.py stereo --out data/sim_stereo --count 2000 --preset small --seed 3
  python tools/simulate.py uav --out data/uav_sim --scenes 60              960 pictures, a minute or two on 2 processors

Run it again after an interruption, with the same arguments: finished scenes, pairs and sequences are kept.
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line: ``nuscenes``, ``stereo`` or ``uav``."""
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
    formats = parser.add_subparsers(dest='format', required=True)
    nuscenes = formats.add_parser('nuscenes', help='cameras, LiDAR and radars on streets, nuScenes format')
    nuscenes.add_argument('--out', type=Path, required=True, metavar='DIR', help='data root to write')
    nuscenes.add_argument('--scenes', type=int, default=12, metavar='N', help='number of scenes (default: %(default)s)')
    nuscenes.add_argument('--preset', default='tiny', metavar='NAME',
                          help='tiny: 5 s at low resolution; small: 10 s; full: 20 s at the resolution and the rates '
                               'of nuScenes (default: %(default)s)')
    nuscenes.set_defaults(run=_nuscenes)
    stereo = formats.add_parser('stereo', help='stereo pairs with exact disparity, Middlebury layout')
    stereo.add_argument('--out', type=Path, required=True, metavar='DIR', help='data root to write')
    stereo.add_argument('--count', type=int, default=100, metavar='N',
                        help='number of pairs; a tenth each is for validation and test (default: %(default)s)')
    stereo.add_argument('--preset', default='tiny', metavar='NAME',
                        help='tiny, natural: 480x240, up to 90 px; small: 640x384, up to 128 px; full: '
                             '960x544, up to 190 px; all but tiny are nearer to photographs (default: %(default)s)')
    stereo.set_defaults(run=_stereo)
    uav = formats.add_parser('uav', help='drones, birds and aircraft before the sky, COCO-video format')
    uav.add_argument('--out', type=Path, required=True, metavar='DIR', help='data root to write')
    uav.add_argument('--scenes', '--count', type=int, default=60, metavar='N',
                     help='number of sequences; a sixth each is for validation and test (default: %(default)s)')
    uav.add_argument('--preset', default='tiny', metavar='NAME',
                     help='tiny: 16 pictures of 640x512, 8 a second; small: 30 of 960x544, 15 a second; full: 100 of '
                          '1280x720, 25 a second (default: %(default)s)')
    uav.set_defaults(run=_uav)
    for one in (nuscenes, stereo, uav):
        one.add_argument('--seed', type=int, default=0, metavar='N',
                         help='equal seeds give equal files (default: %(default)s)')
        one.add_argument('--workers', type=int, metavar='N', help='processes (default: one for each processor)')
        one.add_argument('--force', action='store_true', help='replace a simulated data set that is there')
    return parser.parse_args(arguments)


def _nuscenes(args: argparse.Namespace) -> None:
    from perception_kd.simulation.writers.nuscenes import VERSION, simulate_nuscenes

    try:
        root = simulate_nuscenes(args.out, scenes=args.scenes, seed=args.seed, preset=args.preset,
                                 workers=args.workers, force=args.force)
    except RuntimeError as error:  # no street of this preset and seed shows what it should
        raise ValueError(f'{error}; try another --seed') from error
    print(f'{root}: {args.scenes} scenes, version {VERSION}{_all_for_training(args.scenes)}')


def _stereo(args: argparse.Namespace) -> None:
    from perception_kd.simulation.writers.stereo import simulate_stereo

    root = simulate_stereo(args.out, count=args.count, seed=args.seed, preset=args.preset, workers=args.workers,
                           force=args.force)
    print(f'{root}: {args.count} pairs, {args.preset}, seed {args.seed}')


def _uav(args: argparse.Namespace) -> None:
    from perception_kd.simulation.writers.coco import simulate_uav

    root = simulate_uav(args.out, scenes=args.scenes, seed=args.seed, preset=args.preset, workers=args.workers,
                        force=args.force)
    print(f'{root}: {args.scenes} sequences, {args.preset}, seed {args.seed}{_all_for_training(args.scenes)}')


def _all_for_training(scenes: int) -> str:
    return '' if scenes >= 3 else '; all are for training, 3 or more leave some for validation and test'


def main(arguments: list[str] | None = None) -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args(arguments)
    try:
        args.run(args)
    except ImportError as error:
        raise ImportError(f'{error}; install the extra "sim", and see tools/doctor.py') from error
    return 0


if __name__ == '__main__':
    run_tool(main)
