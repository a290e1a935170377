"""``tools/evaluate.py bias``: what a student has inherited from its teacher, slice by slice."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.evaluation.commands.data import add_data, check_out


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser('bias', help='what a student has inherited: three models slice by slice')
    for name, what in (('teacher', 'the teacher'), ('student', 'the student without distillation'),
                       ('distilled', 'the same student, distilled')):
        parser.add_argument(f'--{name}', type=Path, required=True, help=f'results_nusc.json of {what}')
    add_data(parser)
    parser.add_argument('--distances', type=float, nargs='+', default=[20.0, 30.0], metavar='M',
                        help='borders of the rings around the ego car')
    parser.add_argument('--points', type=int, nargs='+', default=[5, 20, 100], metavar='N',
                        help='borders of the numbers of LiDAR points on a box')
    parser.add_argument('--by', nargs='+', metavar='FAMILY', help='families of slices: all, light, weather, distance, '
                        'speed, visibility, camera, lidar-points, class (default: without speed, visibility, camera)')
    parser.add_argument('--min-boxes', type=int, default=20, metavar='N',
                        help='true boxes from which on a class counts in a slice')
    parser.add_argument('--resamples', type=int, default=200, metavar='N', help='of the scenes, for the intervals')
    parser.add_argument('--seed', type=int, default=0, help='of the resamples')
    parser.add_argument('--out', type=Path, help='folder for bias.json')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table of slices."""
    from perception_kd.evaluation.slices.bias import FAMILIES, MODELS, compare_bias
    from perception_kd.evaluation.slices.bias_table import format_bias
    from perception_kd.evaluation.slices.families import default_slices, of_families
    from perception_kd.evaluation.slices.sectors import load_cameras
    from perception_kd.files import write_json

    check_out(args)
    results = {name: getattr(args, name) for name in MODELS}
    slices = default_slices(distances=args.distances, points=args.points,
                            cameras=load_cameras(args.root, args.version))
    slices = of_families(args.by or FAMILIES, slices)
    report = compare_bias(results, args.root, args.version, args.split, slices=slices, min_boxes=args.min_boxes,
                          resamples=args.resamples, seed=args.seed)
    print(format_bias(report))
    if args.out:
        write_json(args.out / 'bias.json', report.as_dict())
        print(f'slices: {args.out / "bias.json"}')
    return 0
