"""``tools/evaluate.py stereo``: errors of stored disparity maps."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from perception_kd.evaluation.commands.data import check_out, show_progress
from perception_kd.evaluation.commands.stereo_pairs import add_pairs, add_rules, chosen_pairs, chosen_rules


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser(
        'stereo', help='disparity maps: EPE, bad pixels, D1, by region and aggregate',
        description='Maps are called as their pairs: SCENE.pfm, .npy or .png (16 bit, px times 256, 0 without '
        'prediction), or as the left picture.')
    parser.add_argument('predictions', type=Path, help='folder of the maps')
    add_pairs(parser)
    add_rules(parser)
    parser.add_argument('--out', type=Path, help='folder for stereo_metrics.json')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from perception_kd.evaluation.stereo.metric import write_metrics
    from perception_kd.evaluation.stereo.stored import score_folder
    from perception_kd.evaluation.stereo.summary import format_figures
    from perception_kd.files import require_folder

    check_out(args)
    rules = chosen_rules(args)
    dataset = chosen_pairs(args).open(pictures=False)
    require_folder(args.predictions, 'folder of predictions')
    errors = score_folder(args.predictions, dataset, rules, show_progress(len(dataset), 'pairs'))
    print(format_figures([errors]))
    if args.out:
        path = write_metrics(args.out, [errors], args.protocol, predictions=str(args.predictions), root=str(args.root))
        print(f'metrics: {path}')
    return 0
