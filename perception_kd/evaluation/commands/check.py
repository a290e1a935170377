"""``tools/evaluate.py check``: would the nuScenes server take this result file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.evaluation.commands.data import add_data

SENSORS = ('camera', 'lidar', 'radar', 'map', 'external')


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser('check', help='is a result file what the nuScenes server takes; needs no annotations')
    parser.add_argument('results', type=Path, help='results_nusc.json')
    add_data(parser)
    parser.add_argument('--uses', nargs='+', choices=SENSORS, metavar='WHAT',
                        help=f'what the model really uses ({", ".join(SENSORS)}): meta must say the same')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one line for each kind of failure; 1 if there is any."""
    from perception_kd.evaluation.submission_check import check_submission_file

    modality = {f'use_{name}': name in args.uses for name in SENSORS} if args.uses else None
    lines = check_submission_file(args.results, args.root, args.version, args.split, modality=modality)
    for line in lines:
        print(f'{args.results}: {line}')
    if not lines:
        print(f'{args.results}: fine, the server takes it')
    return int(bool(lines))
