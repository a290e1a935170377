"""``tools/evaluate.py diff``: is one model better than another, or is it luck?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.evaluation.commands.data import (
    add_data,
    add_part,
    add_resampling,
    check_out,
    chosen_part,
    show_progress,
)


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser('diff', help='two models on the same key frames: differences and their significance')
    parser.add_argument('results', type=Path, nargs='+', metavar='RESULTS',
                        help='results_nusc.json of A and of B; with --against only those of A, one a training')
    parser.add_argument('--against', type=Path, nargs='+', default=[], metavar='RESULTS',
                        help='results_nusc.json of B, as many as of A')
    add_data(parser)
    add_resampling(parser, 1000)
    parser.add_argument('--out', type=Path, help='folder for difference.json')
    add_part(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table of differences."""
    from perception_kd.evaluation.answers import load_answers
    from perception_kd.evaluation.resampling.difference import compare, count_steps
    from perception_kd.evaluation.resampling.difference_table import as_dict, format_difference
    from perception_kd.evaluation.resampling.ranking import rank
    from perception_kd.files import write_json

    check_out(args)
    first, second = _sides(args.results, args.against)
    answers = load_answers([*first, *second], args.root, args.version, args.split,
                           **chosen_part(args, [*first, *second]))
    rankings = [rank(answers.truth.boxes, boxes, answers.truth.scene, answers.settings) for boxes in answers.predicted]
    found = compare(rankings[:len(first)], rankings[len(first):], answers.settings, resamples=args.resamples,
                    seed=args.seed, progress=show_progress(count_steps(len(first), args.resamples), 'resamples'))
    meta = dict(answers.meta, first=[str(path) for path in first], second=[str(path) for path in second],
                resamples=args.resamples, seed=args.seed)
    print(format_difference(found, meta))
    if args.out:
        write_json(args.out / 'difference.json', as_dict(found, meta))
        print(f'differences: {args.out / "difference.json"}')
    return 0


def _sides(results: list[Path], against: list[Path]) -> tuple[list[Path], list[Path]]:
    if not against and len(results) == 2:
        return results[:1], results[1:]
    if not against:
        raise ValueError(f'diff compares two result files, got {len(results)}; for several trainings: '
                         'diff A1 A2 --against B1 B2')
    if len(against) != len(results):
        raise ValueError(f'diff needs as many trainings of B as of A, got {len(results)} and {len(against)}')
    return results, against
