#!/usr/bin/env python
"""Score stored predictions with the official code.

examples:
  python tools/evaluate.py nuscenes work_dirs/demo/student/results_nusc.json \\
      --root work_dirs/demo/data --version v1.0-sim --split sim_val
  python tools/evaluate.py nuscenes results_nusc.json --root data/astyx --version v1.0-astyx \\
      --split astyx_val --max-forward 40 --out work_dirs/near
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
    nuscenes.add_argument('--root', type=Path, required=True, help='nuScenes-format data root')
    nuscenes.add_argument('--version', required=True, help='for example v1.0-mini')
    nuscenes.add_argument('--split', required=True, help="one of splits.json, else an official one, else 'all'")
    nuscenes.add_argument('--engine', choices=['devkit'], default='devkit', help='who computes')
    nuscenes.add_argument('--out', type=Path, help='folder for metrics_summary.json and metrics_details.json')
    nuscenes.add_argument('--max-forward', type=float, metavar='M',
                          help='only boxes less than M metres ahead (not the official protocol)')
    nuscenes.add_argument('--max-reach', type=float, metavar='M',
                          help='only boxes less than M metres away along both axes (not the official protocol)')
    nuscenes.add_argument('--min-lidar-points', type=int, default=0, metavar='N',
                          help='ignore true boxes with fewer LiDAR points (not the official protocol)')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
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
