"""``tools/evaluate.py doctor``: which known mistake is behind the numbers of a result file, or of an info file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.evaluation.commands.data import add_data


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser(
        'doctor', help='which known mistake is behind the numbers: box convention, frame, split, ...',
        description='Exit status 1 if there is a finding of severity error, else 0.')
    parser.add_argument('results', type=Path, help='results_nusc.json')
    add_data(parser)
    parser.add_argument('--json', type=Path, metavar='FILE', help='also write the findings there')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    from perception_kd.evaluation.doctor import examine_file, format_findings
    from perception_kd.files import check_file_target, write_json

    if args.json:
        check_file_target(args.json)
    findings = examine_file(args.results, args.root, args.version, args.split)
    print(format_findings(findings))
    if args.json:
        write_json(args.json, [finding.as_dict() for finding in findings])
        print(f'findings: {args.json}')
    return int(any(finding.severity == 'error' for finding in findings))
