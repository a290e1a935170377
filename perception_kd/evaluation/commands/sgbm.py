"""``tools/evaluate.py sgbm``: the classic that learned stereo is compared with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perception_kd.evaluation.commands.data import check_out, show_progress
from perception_kd.evaluation.commands.stereo_pairs import add_pairs, add_rules, chosen_pairs, chosen_rules

if TYPE_CHECKING:
    from perception_kd.evaluation.stereo.pairs import PairSource
    from perception_kd.evaluation.stereo.protocols import Protocol
    from perception_kd.evaluation.stereo.sgbm import SGBMSettings


def add(tasks: Any) -> None:
    """Add the sub-parser."""
    parser = tasks.add_parser(
        'sgbm', help="OpenCV's semi-global matcher over stereo pairs, and its tuning",
        description='Writes OUT/predictions and OUT/stereo_metrics.json; with --tune OUT/sgbm.json, settings for '
        '--settings. Tune on other pairs than you compare on.')
    add_pairs(parser)
    parser.add_argument('--out', type=Path, required=True, help='folder to write')
    parser.add_argument('--settings', type=Path, metavar='JSON', help='of --tune, or an object of SGBMSettings')
    parser.add_argument('--max-disp', type=int, metavar='PX', help='disparities looked for (default: 192)')
    parser.add_argument('--fill', choices=['background', 'none'], help='of pixels that fail a check: from the farther '
                        'neighbour in their row (default), or none, so that they count as bad')
    parser.add_argument('--format', choices=['pfm', 'npy', 'png'], default='pfm', help='of the maps (default: pfm)')
    tune = parser.add_argument_group('tuning')
    tune.add_argument('--tune', action='store_true', help='find the settings with the least --figure on these pairs')
    tune.add_argument('--figure', default='BP-2', help='EPE, BP-2 (default), D1, ...')
    tune.add_argument('--rounds', type=int, default=3, metavar='N', help='at most so many times through all settings')
    add_rules(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Match and score, or tune."""
    from perception_kd.evaluation.stereo.sgbm import SGBMSettings, read_settings, with_changes

    check_out(args)
    changes = dict(max_disp=args.max_disp, fill=args.fill)
    settings = read_settings(args.settings, **changes) if args.settings else with_changes(SGBMSettings(), changes)
    rules, pairs = chosen_rules(args), chosen_pairs(args)
    return (_tune if args.tune else _match)(args, pairs, settings, rules)


def _match(args: argparse.Namespace, pairs: PairSource, settings: SGBMSettings, rules: Protocol) -> int:
    from dataclasses import asdict
    from statistics import median

    import cv2

    from perception_kd.evaluation.stereo.metric import write_metrics
    from perception_kd.evaluation.stereo.sgbm_job import run_sgbm
    from perception_kd.evaluation.stereo.summary import format_figures

    dataset = pairs.open(truth=False)
    errors, seconds = run_sgbm(dataset, settings, args.out, protocol=rules, form=args.format,
                               progress=show_progress(len(dataset), 'pairs'))
    print(format_figures([errors]) if errors else f'{dataset.name}: {len(dataset)} pairs, none with truth')
    print(f'{1000 * median(seconds):.0f} ms a pair (median)')
    path = write_metrics(args.out, [errors] if errors else [], args.protocol, root=str(args.root),
                         settings=asdict(settings), seconds=seconds, opencv=cv2.__version__)
    print(f'maps: {args.out / "predictions"}, metrics: {path}')
    return 0


def _tune(args: argparse.Namespace, pairs: PairSource, settings: SGBMSettings, rules: Protocol) -> int:
    from perception_kd.evaluation.stereo.pairs import samples
    from perception_kd.evaluation.stereo.sgbm import write_settings
    from perception_kd.evaluation.stereo.tuning import tune_sgbm

    known = list(samples(pairs.open()))
    found = tune_sgbm(known, settings, protocol=rules, figure=args.figure, rounds=args.rounds, progress=print)
    names = [sample['scene'] for sample in known]
    path = args.out / 'sgbm.json'
    write_settings(path, found.settings, figure=args.figure, before=found.before, after=found.after,
                   rules=rules.text(), tried=found.tried, tuned_on=dict(root=str(args.root), pairs=names))
    print(f'{args.figure}: {found.before:.3f}, tuned {found.after:.3f}; {found.tried} settings on {len(names)} pairs')
    print(f'settings: {path}')
    return 0
