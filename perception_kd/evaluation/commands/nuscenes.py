"""``tools/evaluate.py nuscenes``: mAP, NDS and true-positive errors of a result file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perception_kd.evaluation.commands.data import add_data, add_part, check_out, chosen_part

if TYPE_CHECKING:
    from perception_kd.evaluation.fast.evaluate import ResultArrays


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser('nuscenes', help='3D detection: mAP, NDS, true-positive errors')
    parser.add_argument('results', type=Path, help='results_nusc.json')
    add_data(parser)
    parser.add_argument('--engine', choices=['devkit', 'fast'], default='devkit',
                        help='who computes: nuscenes-devkit, or arrays that give its numbers in a fraction of the time')
    parser.add_argument('--out', type=Path, help='folder for metrics_summary.json and metrics_details.json')
    parser.add_argument('--no-doctor', action='store_true', help='do not look for known mistakes behind the numbers')
    add_part(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table of metrics."""
    from perception_kd.evaluation.fast.evaluate import evaluate_fast, load_arrays
    from perception_kd.evaluation.nuscenes_official import evaluate_devkit
    from perception_kd.evaluation.report import format_summary

    check_out(args)
    part, where, arrays = chosen_part(args, [args.results]), (args.results, args.root, args.version, args.split), None
    wanted = dict(sample_tokens=part['sample_tokens'], box_filter=part['subset'])
    if args.engine == 'fast':
        arrays = load_arrays(*where, part['sample_tokens'])
        summary = evaluate_fast(*where, args.out, **wanted, arrays=arrays)
    else:
        summary = evaluate_devkit(*where, args.out, **wanted)
    print(format_summary(summary))
    if part['sample_tokens'] is not None:
        print(f'not the official protocol: only {len(part["sample_tokens"])} key frames of the split were chosen')
    if args.out:
        print(f'metrics: {args.out / "metrics_summary.json"}')
    if not args.no_doctor:
        _print_findings(args, arrays or load_arrays(*where, part['sample_tokens']))
    return 0


def _print_findings(args: argparse.Namespace, arrays: ResultArrays) -> None:
    from perception_kd.evaluation.doctor import examine_arrays, format_findings

    findings = examine_arrays(arrays, args.root, args.version)
    if findings:
        print(f'\n{format_findings(findings)}')
