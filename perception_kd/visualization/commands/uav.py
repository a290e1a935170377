"""``tools/visualize.py uav``: drones that were found and missed, and false alarms, on the photographs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perception_kd.visualization.commands.choices import add_picture, save_picture

if TYPE_CHECKING:
    from perception_kd.evaluation.uav.predictions import Predicted
    from perception_kd.evaluation.uav.truth import Truth
    from perception_kd.visualization.sheet import Sheet


def add(commands: Any) -> None:
    """Add the sub-parser."""
    parser = commands.add_parser('uav', help='drones found and missed, and false alarms, with close-ups')
    parser.add_argument('ann', type=Path, metavar='ANN.json', help='COCO annotations')
    parser.add_argument('results', type=Path, nargs='?', metavar='RESULTS.json',
                        help='predictions (COCO results); without, the targets alone are drawn')
    parser.add_argument('--data-root', type=Path, metavar='DIR',
                        help='what file names are relative to (default: the folder above annotations/)')
    parser.add_argument('--image', nargs='+', default=[], metavar='ID|NAME', help='which pictures (default: the worst '
                        'of each video; without predictions some of each)')
    parser.add_argument('--video', nargs='+', default=[], metavar='NAME', help='choose among these videos')
    parser.add_argument('--count', type=int, default=6, metavar='N', help='of the pictures chosen (default: 6)')
    parser.add_argument('--columns', type=int, default=2, metavar='N', help='of pictures (default: 2)')
    parser.add_argument('--score', type=float, default=0.25, metavar='S', help='of predictions to draw (default: 0.25)')
    parser.add_argument('--iou', type=float, default=0.5, help='of a match (default: 0.5)')
    parser.add_argument('--classes', nargs='+', default=['drone'], metavar='NAME', help='targets (default: drone)')
    add_picture(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw it, and print the file's name and size."""
    return save_picture(args, lambda: _draw(args))


def _draw(args: argparse.Namespace) -> Sheet:
    from perception_kd.evaluation.uav.predictions import read_predictions
    from perception_kd.evaluation.uav.rules import UAVRules
    from perception_kd.evaluation.uav.truth import read_truth
    from perception_kd.visualization.uav.choose import by_name, choose
    from perception_kd.visualization.uav.sheet import draw_uav
    from perception_kd.visualization.uav.source import open_view

    rules = UAVRules(score_thr=args.score, iou_thr=args.iou)
    truth = read_truth(args.ann, args.classes)
    predictions = read_predictions(args.results, truth) if args.results else None
    chosen = by_name(truth, args.image) if args.image else choose(_of_videos(truth, args.video), predictions, rules,
                                                                  args.count)
    root = args.data_root or (args.ann.parent.parent if args.ann.parent.name == 'annotations' else args.ann.parent)
    views = [open_view(root, truth.images[image], _strong(predictions, image, args.score), args.iou)
             for image in chosen]
    remark = f'predictions with a score of {args.score:g} or more, IoU {args.iou:g}' if args.results else ''
    return draw_uav(views, columns=args.columns, remark=remark)


def _of_videos(truth: Truth, videos: list[str]) -> Truth:
    """Raises ``ValueError`` where there is no such video."""
    unknown = [name for name in videos if name not in truth.videos]
    if unknown:
        raise ValueError(f'--video: no video {", ".join(unknown)}; there are {", ".join(truth.videos[:20])}')
    return truth.only(key for key, one in truth.images.items() if one.video in videos) if videos else truth


def _strong(predictions: dict[int, Predicted] | None, image: int, least: float) -> Predicted | None:
    from perception_kd.evaluation.uav.predictions import Predicted

    return None if predictions is None else predictions.get(image, Predicted()).above(least)
