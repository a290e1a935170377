"""``tools/evaluate.py nuscenes``: mAP, NDS and true-positive errors of a result file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.evaluation.commands.data import add_data, add_part, chosen_part


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
    from perception_kd.evaluation.fast.evaluate import evaluate_fast
    from perception_kd.evaluation.nuscenes_official import evaluate_devkit
    from perception_kd.evaluation.report import format_summary

    part = chosen_part(args, [args.results])
    evaluate = evaluate_fast if args.engine == 'fast' else evaluate_devkit
    summary = evaluate(args.results, args.root, args.version, args.split, args.out,
                       sample_tokens=part['sample_tokens'], box_filter=part['subset'])
    print(format_summary(summary))
    if part['sample_tokens'] is not None:
        print(f'not the official protocol: only {len(part["sample_tokens"])} key frames of the split were chosen')
    if args.out:
        print(f'metrics: {args.out / "metrics_summary.json"}')
    if not args.no_doctor:
        _print_findings(args, part['sample_tokens'])
    return 0


def _print_findings(args: argparse.Namespace, sample_tokens: list[str] | None) -> None:
    from perception_kd.evaluation.doctor import examine_file, format_findings

    findings = examine_file(args.results, args.root, args.version, args.split, sample_tokens)
    if findings:
        print(f'\n{format_findings(findings)}')
