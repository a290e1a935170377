"""What ``tools/infer.py`` does with a stereo matcher."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config

    from perception_kd.inference.stereo.pairs import Pair


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options that stereo alone has."""
    group = parser.add_argument_group('stereo')
    group.add_argument('--calib', type=Path, metavar='FILE',
                       help='cameras: calib.txt of Middlebury or KITTI (default: calib.txt beside the left picture)')
    group.add_argument('--focal', type=float, metavar='PX', help='focal length of both rectified cameras')
    group.add_argument('--baseline', type=float, metavar='M', help='distance of the cameras')
    group.add_argument('--doffs', type=float, metavar='PX',
                       help='x of the right principal point less that of the left (default: 0)')
    group.add_argument('--principal-point', type=float, nargs=2, metavar=('X', 'Y'),
                       help='of the left picture, px (default: its middle)')
    group.add_argument('--layout', metavar='NAME',
                       help='INPUT is the root of a public data set: middlebury, kitti2015, ...')
    group.add_argument('--list', type=Path, metavar='FILE',
                       help='INPUT is the folder of pairs that a list names: a JSON object a line, '
                       '{"left": ..., "right": ...}')
    group.add_argument('--split', default='', help='of that data set, as its folders have it')
    group.add_argument('--select', nargs='+', default=[], metavar='KEY=VALUE',
                       help='which part, where the layout has several: render=frames_finalpass')
    group.add_argument('--max-disp', type=float, metavar='PX',
                       help="disparities that are looked for, px of the full-size picture (default: the matcher's own)")
    group.add_argument('--iterations', type=int, metavar='N', help="of the refinement (default: the matcher's own)")
    group.add_argument('--scale', type=float, default=1.0, metavar='S', help='shrink pictures before matching: 0.5')
    group.add_argument('--two-pass', action='store_true',
                       help='match at half size first and start from there: for large pictures')
    group.add_argument('--far', type=float, metavar='M', help='where point clouds end (default: at 2 px of disparity)')
    group.add_argument('--colours', type=float, nargs=2, metavar=('LOW', 'HIGH'),
                       help='disparities of the first and last colour, px (default: those of each picture)')
    group.add_argument('--no-check', action='store_true', help='do not look for swapped or unrectified pictures')


def run(args: argparse.Namespace, cfg: Config) -> int:
    """Match what the command line names; the exit status."""
    from perception_kd.inference.stereo.job import Wanted, infer_stereo
    from perception_kd.inference.stereo.pairs import chosen_pairs
    from perception_kd.inference.stereo.predictor import MatchSettings
    from perception_kd.inference.stereo.rig import RigSwitches

    pairs = _pairs(args)
    rig = RigSwitches(calib=args.calib, focal=args.focal, baseline=args.baseline, doffs=args.doffs,
                      centre=args.principal_point and tuple(args.principal_point))
    settings = MatchSettings(max_disp=args.max_disp, iterations=args.iterations, scale=args.scale,
                             two_pass=args.two_pass)
    wanted = Wanted(kinds=args.format, far=args.far, colours=args.colours and tuple(args.colours),
                    check=not args.no_check)
    report = infer_stereo(cfg, args.checkpoint, chosen_pairs(pairs, args.samples), args.out, settings=settings,
                          rig_of=lambda pair: rig.rig(pair.calibration), wanted=wanted, device=args.device)
    print(report.rates.table())
    for file in report.pairs[0]['files']:
        print(args.out / file)
    print(f'{args.out}: {len(report.pairs)} pair{"s" * (len(report.pairs) != 1)}')
    return 0


def _pairs(args: argparse.Namespace) -> list[Pair]:
    """All that the inputs hold.

    Raises:
        FileNotFoundError, ValueError: nothing there, or options that do not belong together.
    """
    from perception_kd.evaluation.commands.stereo_pairs import selection
    from perception_kd.inference.stereo.pairs import pairs_of_inputs, pairs_of_layout, pairs_of_list

    select, kind = selection(args.select), '--layout' if args.layout is not None else '--list' if args.list else ''
    if args.layout is None and (args.split or select):
        raise ValueError(f'--{"split" if args.split else "select"} chooses a part of a --layout, and none is given')
    if args.layout is not None and args.list is not None:
        raise ValueError('--layout and --list: a list names its files itself; give one of the two')
    if not kind:
        return pairs_of_inputs(args.input)
    if len(args.input) != 1:
        raise ValueError(f'{kind} {args.layout or args.list} takes one input, the root of the data set; got '
                         f'{len(args.input)}')
    root = args.input[0]
    if args.list is None:
        return pairs_of_layout(root, args.layout, args.split, select or None)
    inside = root / args.list
    return pairs_of_list(inside if inside.is_file() else args.list, root)
