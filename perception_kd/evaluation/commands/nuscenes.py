"""``tools/evaluate.py nuscenes``: mAP, NDS and true-positive errors of a result file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.evaluation.commands.data import add_data


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser('nuscenes', help='3D detection: mAP, NDS, true-positive errors')
    parser.add_argument('results', type=Path, help='results_nusc.json')
    add_data(parser)
    parser.add_argument('--engine', choices=['devkit', 'fast'], default='devkit',
                        help='who computes: nuscenes-devkit, or arrays that give its numbers in a fraction of the time')
    parser.add_argument('--out', type=Path, help='folder for metrics_summary.json and metrics_details.json')
    parser.add_argument('--max-forward', type=float, metavar='M',
                        help='only boxes less than M metres ahead (not the official protocol)')
    parser.add_argument('--max-reach', type=float, metavar='M',
                        help='only boxes less than M metres away along both axes (not the official protocol)')
    parser.add_argument('--min-lidar-points', type=int, default=0, metavar='N',
                        help='ignore true boxes with fewer LiDAR points (not the official protocol)')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table of metrics."""
    from perception_kd.evaluation.fast.evaluate import evaluate_fast
    from perception_kd.evaluation.nuscenes_official import evaluate_devkit
    from perception_kd.evaluation.report import format_summary
    from perception_kd.evaluation.subsets import BoxSubset

    chosen = None
    if args.max_forward is not None or args.max_reach is not None or args.min_lidar_points > 0:
        chosen = BoxSubset(max_forward=args.max_forward, max_reach=args.max_reach,
                           min_lidar_points=args.min_lidar_points)
    evaluate = evaluate_fast if args.engine == 'fast' else evaluate_devkit
    summary = evaluate(args.results, args.root, args.version, args.split, args.out, box_filter=chosen)
    print(format_summary(summary))
    if args.out:
        print(f'metrics: {args.out / "metrics_summary.json"}')
    return 0
