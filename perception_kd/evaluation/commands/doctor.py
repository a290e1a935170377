"""``tools/evaluate.py doctor``: which known mistake is behind the numbers of a result file, or in labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perception_kd.evaluation.doctor import Finding


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser(
        'doctor', help='which known mistake is behind the numbers: box convention, frame, split, ...',
        description='Exit status 1 if there is a finding of severity error, else 0.')
    parser.add_argument('file', type=Path, help='results_nusc.json (needs --root, --version and --split), '
                        'metrics_summary.json (tells less), or an info file .pkl (needs --root)')
    parser.add_argument('--root', type=Path, help='nuScenes-format data root')
    parser.add_argument('--version', help='for example v1.0-mini')
    parser.add_argument('--split', help="one of splits.json, else an official one, else 'all'")
    parser.add_argument('--json', type=Path, metavar='FILE', help='also write the findings there')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    from perception_kd.evaluation.doctor import format_findings
    from perception_kd.files import check_file_target, require_file, write_json

    require_file(args.file)
    if args.json:
        check_file_target(args.json)
    findings = _examine(args)
    print(format_findings(findings))
    if args.json:
        write_json(args.json, [finding.as_dict() for finding in findings])
        print(f'findings: {args.json}')
    return int(any(finding.severity == 'error' for finding in findings))


def _examine(args: argparse.Namespace) -> list[Finding]:
    from perception_kd.datasets.nuscenes.stamp import load_plain_pickle
    from perception_kd.datasets.nuscenes.tables import read_json
    from perception_kd.evaluation.doctor import examine_file, examine_infos, examine_summary

    if args.file.suffix == '.pkl':
        _need(args, 'root')
        content = load_plain_pickle(args.file)
        if not isinstance(content, dict) or not isinstance(content.get('data_list'), list):
            raise ValueError(f'{args.file}: not an info file of mmdet3d 1.x (no data_list)')
        return examine_infos(content['data_list'], args.root)
    if None in (args.root, args.version, args.split):
        content = read_json(args.file)
        if isinstance(content, dict) and 'results' in content:
            _need(args, 'root', 'version', 'split')
        return examine_summary(content)
    return examine_file(args.file, args.root, args.version, args.split)


def _need(args: argparse.Namespace, *names: str) -> None:
    lacking = [f'--{name}' for name in names if getattr(args, name) is None]
    if lacking:
        raise ValueError(f'{args.file}: needs {", ".join(lacking)} too')
