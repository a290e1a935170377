"""``tools/evaluate.py uav``: figures of stored predictions of drones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.evaluation.commands.data import add_resampling, check_out


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser(
        'uav', help='drones in pictures: AP by size, recall by side, precision, false alarms',
        description='Scores COCO results (a JSON list of image_id, category_id, bbox, score), boxes in pixels of the '
        'original pictures, as tools/test.py and tools/infer.py leave them.')
    parser.add_argument('results', type=Path, help='predictions')
    parser.add_argument('--ann', type=Path, required=True, metavar='JSON', help='COCO annotations')
    parser.add_argument('--classes', nargs='+', default=['drone'], metavar='NAME',
                        help='categories to score, others are background (default: drone)')
    parser.add_argument('--score', type=float, default=0.25, metavar='S',
                        help='threshold of deployment (default: 0.25)')
    parser.add_argument('--iou', type=float, default=0.5, help='of a match at that threshold (default: 0.5)')
    parser.add_argument('--max-dets', type=int, default=100, metavar='N',
                        help="predictions of a picture that AP looks at (default: COCO's 100; AI-TOD has 1500)")
    parser.add_argument('--nwd', type=float, metavar='PX',
                        help='also match by the normalised Wasserstein distance with this constant, 12.8 in AI-TOD')
    parser.add_argument('--videos', nargs='+', default=[], metavar='NAME', help='only these videos')
    parser.add_argument('--partial', action='store_true', help='only the pictures with predictions')
    parser.add_argument('--by-video', action='store_true', help='a second table, of each video')
    parser.add_argument('--name', default='uav', help='of the data set, in the table')
    add_resampling(parser, 200, 'videos')
    parser.add_argument('--out', type=Path, help='folder for uav_metrics.json')
    parser.add_argument('--json', type=Path, metavar='FILE', help='the same as one file')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from perception_kd.evaluation.uav.metric import METRICS_FILE, write_metrics
    from perception_kd.evaluation.uav.predictions import read_predictions
    from perception_kd.evaluation.uav.rules import UAVRules
    from perception_kd.evaluation.uav.score import score
    from perception_kd.evaluation.uav.table import format_scores, format_videos
    from perception_kd.evaluation.uav.truth import read_truth
    from perception_kd.files import check_file_target

    check_out(args)
    if args.json:
        check_file_target(args.json)
    rules = UAVRules(score_thr=args.score, iou_thr=args.iou, max_dets=args.max_dets, nwd=args.nwd)
    truth = read_truth(args.ann, args.classes)
    predictions = read_predictions(args.results, truth)
    truth = _chosen(truth, predictions, args)
    scores = score(truth, predictions, rules, name=args.name, resamples=args.resamples, seed=args.seed,
                   by_video=args.by_video)
    print(format_scores(scores))
    if args.by_video:
        print('\n' + format_videos(scores))
    for path in (args.out and args.out / METRICS_FILE, args.json):
        if path:
            write_metrics(path, scores, predictions=str(args.results))
            print(f'metrics: {path}')
    return 0


def _chosen(truth: Any, predictions: Any, args: argparse.Namespace) -> Any:
    """The part of the pictures that counts.

    Raises:
        ValueError: no such video, or no picture.
    """
    if args.videos:
        unknown = [name for name in args.videos if name not in truth.videos]
        if unknown:
            raise ValueError(f'--videos: no video {", ".join(unknown)}; there are {", ".join(truth.videos[:20])}')
        truth = truth.only(key for key, image in truth.images.items() if image.video in args.videos)
    if args.partial:
        truth = truth.only(predictions)
    if not truth.images:
        raise ValueError(f'{args.results}: no picture to score')
    return truth
