"""``tools/evaluate.py slices``: where a model is weak, slice by slice."""

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
    parser = tasks.add_parser('slices', help='3D detection by light, weather, distance, speed, visibility, camera ...')
    parser.add_argument('results', type=Path, help='results_nusc.json')
    add_data(parser)
    parser.add_argument('--by', nargs='+', metavar='FAMILY', help='families of slices (default: all of them): all, '
                        'light, weather, distance, speed, visibility, camera, lidar-points, class')
    parser.add_argument('--distances', type=float, nargs='+', default=[20.0, 30.0], metavar='M',
                        help='borders of the rings around the ego car')
    parser.add_argument('--speeds', type=float, nargs='+', default=[0.2, 5.0], metavar='M/S',
                        help='borders of the speeds over ground')
    parser.add_argument('--points', type=int, nargs='+', default=[5, 20, 100], metavar='N',
                        help='borders of the numbers of LiDAR points on a box')
    parser.add_argument('--min-boxes', type=int, default=20, metavar='N',
                        help='true boxes from which on a class counts in a slice')
    add_resampling(parser, 200)
    parser.add_argument('--out', type=Path, help='folder for slices.json')
    add_part(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table of slices."""
    from perception_kd.evaluation.answers import load_answers
    from perception_kd.evaluation.slices.families import default_slices, of_families
    from perception_kd.evaluation.slices.scores import SlicedAnswers, score_slices
    from perception_kd.evaluation.slices.sectors import load_cameras
    from perception_kd.evaluation.slices.table import format_slices
    from perception_kd.files import write_json

    check_out(args)
    slices = default_slices(distances=args.distances, points=args.points, speeds=args.speeds,
                            cameras=load_cameras(args.root, args.version))
    if args.by:
        slices = of_families(args.by, slices)
    answers = load_answers([args.results], args.root, args.version, args.split, **chosen_part(args, [args.results]))
    scores = score_slices(
        SlicedAnswers(answers.truth, answers.predicted[0], answers.settings), slices, min_boxes=args.min_boxes,
        resamples=args.resamples, seed=args.seed, progress=show_progress(len(slices), 'slices'))
    meta = dict(answers.meta, results=str(args.results), min_boxes=args.min_boxes, resamples=args.resamples,
                seed=args.seed)
    print(format_slices(scores, meta))
    if args.out:
        write_json(args.out / 'slices.json', dict(meta=meta, slices=[one.as_dict() for one in scores]))
        print(f'slices: {args.out / "slices.json"}')
    return 0
