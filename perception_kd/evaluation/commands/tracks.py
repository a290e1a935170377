"""``tools/evaluate.py tracks``: how well stored tracks follow their targets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.evaluation.commands.data import check_out


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser(
        'tracks', help='tracks of targets in videos: HOTA, MOTA, IDF1, state accuracy',
        description='Tracks are COCO results with a track_id; rows without one, or with -1, are of no track.')
    parser.add_argument('tracks', type=Path, help='COCO results with track_id, as tools/infer.py writes them')
    parser.add_argument('--ann', type=Path, required=True, metavar='FILE', help='COCO-video file with instance_id')
    parser.add_argument('--classes', nargs='+', default=['drone'], metavar='NAME', help='that count (default: drone)')
    parser.add_argument('--score', type=float, default=0.0, metavar='X',
                        help='leave out predictions below (default: 0)')
    parser.add_argument('--threshold', type=float, default=0.5, metavar='X',
                        help='least similarity of what is found, for MOTA and IDF1 (default: 0.5)')
    parser.add_argument('--similarity', choices=['iou', 'nwd'], default='iou',
                        help='of a box and a target; nwd (normalised Wasserstein distance) for targets of some pixels')
    parser.add_argument('--out', type=Path, help='folder for track_metrics.json')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from perception_kd.evaluation.tracking import TrackRules, format_scores, read_videos, score_tracks, write_scores

    check_out(args)
    rules = TrackRules(threshold=args.threshold, similarity=args.similarity)
    scores = score_tracks(read_videos(args.tracks, args.ann, classes=args.classes, least_score=args.score), rules)
    print(format_scores(scores))
    if args.out:
        path = write_scores(args.out, scores, tracks=str(args.tracks), ann=str(args.ann), classes=args.classes,
                            least_score=args.score)
        print(f'metrics: {path}')
    return 0
