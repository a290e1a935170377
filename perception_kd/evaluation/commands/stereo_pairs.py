"""Options that the sub-commands about stereo share: which pairs, and by whose rules they are scored."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perception_kd.evaluation.stereo.pairs import PairSource
    from perception_kd.evaluation.stereo.protocols import Protocol


def add_pairs(parser: argparse.ArgumentParser) -> None:
    """Root, layout or list, split and which pairs of it."""
    parser.add_argument('--root', type=Path, required=True, help='folder of the data set')
    parser.add_argument('--layout', metavar='NAME',
                        help='how its files lie: middlebury (default; simulated pairs too), eth3d, kitti2015, '
                        'sceneflow, ...; an unknown name lists them')
    parser.add_argument('--list', default='', metavar='FILE',
                        help='pairs of your own instead of a layout: a JSON object a line, {"left": ..., "right": ..., '
                        '"disp": ..., "decoder": "pfm"}, files below --root')
    parser.add_argument('--split', default='', help='as its folders have it: trainingQ, val, TEST')
    parser.add_argument('--select', nargs='+', default=[], metavar='KEY=VALUE',
                        help='which part, where the layout has several: render=final; values of one key add up')
    parser.add_argument('--name', default='',
                        help="of the data set, by which rules are chosen (default: the layout's or the list's)")
    parser.add_argument('--count', type=int, metavar='N', help='only so many pairs, drawn with --count-seed')
    parser.add_argument('--count-seed', type=int, default=0, metavar='S')
    parser.add_argument('--skip-incomplete', action='store_true', help='leave out pairs whose files are missing')


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Whose rules, and what is otherwise."""
    rules = parser.add_argument_group('how errors are counted')
    rules.add_argument('--protocol', default='ffs', metavar='NAME',
                       help='whose rules: ffs (default), raft_stereo, openstereo, lite_any_stereo')
    rules.add_argument('--region', help='noc (seen by both pictures), all or occ')
    rules.add_argument('--aggregate', help='image_mean or pixel_pool; the table has both')
    rules.add_argument('--below', type=float, metavar='PX', help='only pixels with a true disparity below; inf: all')
    rules.add_argument('--thresholds', type=float, nargs='+', metavar='PX', help='of bad pixels (0.5 1 2 3)')


def chosen_pairs(args: argparse.Namespace) -> PairSource:
    """What :func:`add_pairs` asked for.

    Raises:
        ValueError: a selection that is not KEY=VALUE.
    """
    from perception_kd.evaluation.stereo.pairs import PairSource

    return PairSource(root=args.root, layout=args.layout, ann_file=args.list, split=args.split,
                      select=selection(args.select) or None, name=args.name, count=args.count,
                      count_seed=args.count_seed, skip_incomplete=args.skip_incomplete)


def selection(texts: Sequence[str]) -> dict[str, list[str]]:
    """What ``--select`` asks for: values by key.

    Raises:
        ValueError: one that is not KEY=VALUE.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition('=')
        if not equals or not value:
            raise ValueError(f'--select takes KEY=VALUE, got {text!r}')
        found.setdefault(key, []).append(value)
    return found


def chosen_rules(args: argparse.Namespace) -> Protocol:
    """What :func:`add_rules` asked for, for the data set of :func:`add_pairs`.

    Raises:
        ValueError: an unknown name or value.
    """
    from perception_kd.evaluation.stereo.protocols import protocol_of

    changes: dict[str, Any] = dict(region=args.region, aggregate=args.aggregate, max_disp=args.below,
                                   thresholds=args.thresholds)
    return protocol_of(args.name or args.layout or Path(args.list).stem, args.protocol, **changes)
