#!/usr/bin/env python
"""Score stored predictions with the official code.

examples:
  python tools/evaluate.py nuscenes work_dirs/demo/student/results_nusc.json \\
      --root work_dirs/demo/data --version v1.0-sim --split sim_val
  python tools/evaluate.py nuscenes results_nusc.json --root data/astyx --version v1.0-astyx \\
      --split astyx_val --max-forward 40 --out work_dirs/near
  python tools/evaluate.py bias --teacher work_dirs/demo/teacher_lidar/results_nusc.json \\
      --student work_dirs/demo/student/results_nusc.json \\
      --distilled work_dirs/demo/student_imkd/results_nusc.json \\
      --root work_dirs/demo/data --version v1.0-sim --split sim_val --out work_dirs/demo/bias
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest='task', required=True)
    nuscenes = tasks.add_parser('nuscenes', help='3D detection: mAP, NDS, true-positive errors')
    nuscenes.add_argument('results', type=Path, help='results_nusc.json')
    _add_data(nuscenes)
    nuscenes.add_argument('--engine', choices=['devkit'], default='devkit', help='who computes')
    nuscenes.add_argument('--out', type=Path, help='folder for metrics_summary.json and metrics_details.json')
    nuscenes.add_argument('--max-forward', type=float, metavar='M',
                          help='only boxes less than M metres ahead (not the official protocol)')
    nuscenes.add_argument('--max-reach', type=float, metavar='M',
                          help='only boxes less than M metres away along both axes (not the official protocol)')
    nuscenes.add_argument('--min-lidar-points', type=int, default=0, metavar='N',
                          help='ignore true boxes with fewer LiDAR points (not the official protocol)')
    nuscenes.set_defaults(run=nuscenes_metrics)
    _add_bias(tasks.add_parser('bias', help='what a student has inherited: three models slice by slice'))
    return parser.parse_args()


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--root', type=Path, required=True, help='nuScenes-format data root')
    parser.add_argument('--version', required=True, help='for example v1.0-mini')
    parser.add_argument('--split', required=True, help="one of splits.json, else an official one, else 'all'")


def _add_bias(parser: argparse.ArgumentParser) -> None:
    for name, what in (('teacher', 'the teacher'), ('student', 'the student without distillation'),
                       ('distilled', 'the same student, distilled')):
        parser.add_argument(f'--{name}', type=Path, required=True, help=f'results_nusc.json of {what}')
    _add_data(parser)
    parser.add_argument('--distances', type=float, nargs='+', default=[20.0, 30.0], metavar='M',
                        help='borders of the rings around the ego car')
    parser.add_argument('--points', type=int, nargs='+', default=[5, 20, 100], metavar='N',
                        help='borders of the numbers of LiDAR points on a box')
    parser.add_argument('--min-boxes', type=int, default=20, metavar='N',
                        help='true boxes from which on a class counts in a slice')
    parser.add_argument('--resamples', type=int, default=200, metavar='N', help='of the scenes, for the intervals')
    parser.add_argument('--seed', type=int, default=0, help='of the resamples')
    parser.add_argument('--out', type=Path, help='folder for bias.json')
    parser.set_defaults(run=bias)


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    return args.run(args)


def bias(args: argparse.Namespace) -> int:
    """Print the table of slices."""
    from perception_kd.evaluation.bias import MODELS, compare_bias
    from perception_kd.evaluation.bias_table import format_bias
    from perception_kd.evaluation.slices import default_slices
    from perception_kd.files import write_json

    results = {name: getattr(args, name) for name in MODELS}
    slices = default_slices(distances=args.distances, points=args.points)
    report = compare_bias(results, args.root, args.version, args.split, slices=slices, min_boxes=args.min_boxes,
                          resamples=args.resamples, seed=args.seed)
    print(format_bias(report))
    if args.out:
        write_json(args.out / 'bias.json', report.as_dict())
        print(f'slices: {args.out / "bias.json"}')
    return 0


def nuscenes_metrics(args: argparse.Namespace) -> int:
    """Print the table of metrics."""
    from perception_kd.evaluation.nuscenes_official import evaluate_devkit
    from perception_kd.evaluation.report import format_summary
    from perception_kd.evaluation.subsets import BoxSubset

    chosen = None
    if args.max_forward is not None or args.max_reach is not None or args.min_lidar_points > 0:
        chosen = BoxSubset(max_forward=args.max_forward, max_reach=args.max_reach,
                           min_lidar_points=args.min_lidar_points)
    summary = evaluate_devkit(args.results, args.root, args.version, args.split, args.out, box_filter=chosen)
    print(format_summary(summary))
    if args.out:
        print(f'metrics: {args.out / "metrics_summary.json"}')
    return 0


if __name__ == '__main__':
    run_tool(main)
