#!/usr/bin/env python
"""Side-by-side timings: both sides in one run, turn by turn. Ratios within a run are what counts.

examples:
  python tools/benchmark.py pooling
  python tools/benchmark.py pooling --batch 4 --channels 32 --runs 5 --threads 1 --json pooling.json
  python tools/benchmark.py ops --points 20000 --boxes 1000
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from perception_kd.cli import run_tool

if TYPE_CHECKING:
    from perception_kd.benchmark.timing import Report


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest='kind', required=True, metavar='KIND')
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument('--runs', type=int, default=10, metavar='N', help='measured runs a side')
    shared.add_argument('--threads', type=int, metavar='N', help='CPU threads (default: torch decides)')
    shared.add_argument('--device', default='cpu', help='cpu or cuda (default: cpu)')
    shared.add_argument('--json', type=Path, metavar='FILE', help='write all runs, machine, versions')
    pooling = kinds.add_parser('pooling', parents=[shared], help='BEV pooling against index_add')
    for name, default, text in (('batch', 1, 'samples'), ('cameras', 6, 'cameras a sample'),
                                ('height', 16, 'feature rows'), ('width', 44, 'feature columns'),
                                ('bins', 59, 'depth bins'), ('channels', 80, 'context channels')):
        pooling.add_argument(f'--{name}', type=int, default=default, metavar='N',
                             help=f'{text} (default: {default})')
    pooling.add_argument('--reduction', choices=('mean', 'sum'), default='mean')
    ops = kinds.add_parser('ops', parents=[shared], help='portable ops against plain loops')
    ops.add_argument('--points', type=int, default=20000, metavar='N', help='points to voxelise (default: 20000)')
    ops.add_argument('--boxes', type=int, default=1000, metavar='N', help='rotated boxes (default: 1000)')
    ops.add_argument('--iou-threshold', type=float, default=0.2, metavar='X', help='for NMS (default: 0.2)')
    return parser.parse_args()


def run_ops(args: argparse.Namespace) -> Report:
    """The portable ops against plain loops; ``ValueError`` for numbers that make no case."""
    from perception_kd.benchmark.ops import OpsCase, benchmark_ops

    if min(args.points, args.boxes) < 1 or not 0 < args.iou_threshold < 1:
        raise ValueError('--points and --boxes are 1 or more, --iou-threshold is between 0 and 1')
    case = OpsCase(points=args.points, boxes=args.boxes, iou_threshold=args.iou_threshold)
    return benchmark_ops(case, runs=args.runs, device=args.device)


def run_pooling(args: argparse.Namespace) -> Report:
    """BEV pooling against index_add."""
    from perception_kd.benchmark.pooling import PoolingCase, benchmark_pooling

    case = PoolingCase(batch=args.batch, cameras=args.cameras, height=args.height, width=args.width,
                       bins=args.bins, channels=args.channels)
    return benchmark_pooling(case, runs=args.runs, device=args.device, reduction=args.reduction)


RUNNERS = {'ops': run_ops, 'pooling': run_pooling}


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    import torch

    from perception_kd.files import check_file_target, write_json

    if args.json:
        check_file_target(args.json)
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        raise ValueError(f'--device {args.device}: this torch sees no CUDA device')
    if args.runs < 1 or (args.threads is not None and args.threads < 1):
        raise ValueError('--runs and --threads are 1 or more')
    if args.threads:
        torch.set_num_threads(args.threads)
    report = RUNNERS[args.kind](args)
    print(f'{report.benchmark}, {torch.get_num_threads()} threads, {args.device}\n{report.table()}')
    if args.json:
        write_json(args.json, report.to_json())
        print(f'written: {args.json}')
    return 0


if __name__ == '__main__':
    run_tool(main)
