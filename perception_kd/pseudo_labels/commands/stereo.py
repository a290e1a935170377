"""``tools/pseudo_label.py stereo``: disparity of a teacher for pairs that nobody measured."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perception_kd.pseudo_labels.commands.workers import add_work, chosen_workers, tell_failures

if TYPE_CHECKING:
    from perception_kd.inference.stereo.pairs import Pair
    from perception_kd.pseudo_labels.stereo.labeller import MakeStereoLabeller

_LIST = '.jsonl'
_PHOTOMETRIC = 0.15  # without a monocular net


def add(kinds: Any) -> None:
    """Add the sub-parser."""
    from perception_kd.overrides import OverrideAction

    parser = kinds.add_parser(
        'stereo', help='disparity for stereo pairs, and where it can be trusted',
        description='Writes OUT/disparity and OUT/mask (255: trusted, 128: sky, disparity 0), OUT/pairs.jsonl (a list '
        'of the kept pairs that trains a student: configs/compress/stereo_small_pseudo.py), OUT/labels.json, '
        'OUT/keep_rate.png and OUT/journal.jsonl (every pair with its figures).')
    parser.add_argument('config', help='of the teacher')
    parser.add_argument('checkpoint', help='its weights, or an ONNX file')
    parser.add_argument('input', type=Path, nargs='+',
                        help='left and right picture, a folder of each, a list of pairs (FILE.jsonl), or with --layout '
                        'the root of a data set')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help="override settings of the teacher's config")
    _add_pairs(parser)
    _add_trust(parser)
    _add_matching(parser)
    add_work(parser)
    parser.add_argument('--pictures', type=int, default=8, metavar='N',
                        help='draw so many pairs, spread over all, into OUT/pictures (default: 8)')
    parser.set_defaults(run=run)


def _add_pairs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('pairs')
    group.add_argument('--layout', metavar='NAME', help='middlebury, kitti2015, sceneflow, ...')
    group.add_argument('--split', default='', help='of that data set, as its folders have it')
    group.add_argument('--root', type=Path, metavar='DIR', help="of a list's files (default: the list's folder)")
    group.add_argument('--count', type=int, metavar='N', help='only the first N pairs')
    group.add_argument('--no-check', action='store_true',
                       help='label pairs, too, that look unrectified, swapped or equal')
    group.add_argument('--calib', type=Path, metavar='FILE', help='cameras of all pairs (default: calib.txt beside the '
                       'left picture, or what the data set or the list says)')
    group.add_argument('--focal', type=float, metavar='PX',
                       help='focal length; only normals need it (default: 0.8 of the width where nothing tells of it)')
    group.add_argument('--doffs', type=float, metavar='PX', help='x of the right principal point less that of the left')


def _add_trust(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('what is trusted')
    group.add_argument('--mono', nargs=2, metavar=('CONFIG', 'CHECKPOINT'),
                       help='monocular net whose normals must agree: configs/stereo/small_mono.py or '
                       'configs/compress/depth_anything.py. Without it the right picture, seen through the disparity, '
                       'must look like the left one')
    group.add_argument('--mono-longest', type=int, default=640, metavar='PX', help='longer side that it sees')
    group.add_argument('--angle', type=float, default=30.0, metavar='DEG', help='between the normals (default: 30)')
    group.add_argument('--cells', type=int, default=4, metavar='PX',
                       help='normals are of cells of so many px squared (default: 4)')
    group.add_argument('--left-right', type=float, default=1.0, metavar='PX',
                       help='by how much the disparities of both views may differ (default: 1; 0: not asked)')
    group.add_argument('--photometric', type=float, metavar='E',
                       help='most photometric error, 0 to 1 (default: 0.15 without --mono, 0: not asked with it)')
    group.add_argument('--sky', type=Path, metavar='DIR', help='masks NAME.png, not 0 in the sky (default: guessed '
                       'from the monocular net; without it there is no sky)')
    group.add_argument('--keep', type=float, default=0.6, metavar='SHARE',
                       help='a pair is kept if more of what is not sky is trusted (default: 0.6)')
    group.add_argument('--encoding', choices=['kitti', 'fsd'], default='kitti', help='of the disparity: 16 bits, 1/256 '
                       'px, below 256 px (default), or three channels, 1/1000 px')


def _add_matching(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('matching, as of tools/infer.py')
    group.add_argument('--max-disp', type=float, metavar='PX')
    group.add_argument('--iterations', type=int, metavar='N')
    group.add_argument('--scale', type=float, default=1.0, metavar='S')
    group.add_argument('--two-pass', action='store_true')


def run(args: argparse.Namespace) -> int:
    """Label what the command line names."""
    from perception_kd.files import check_folder_target
    from perception_kd.inference.rates import show_progress
    from perception_kd.pseudo_labels.queue import JOURNAL, run
    from perception_kd.pseudo_labels.stereo.result import write_result

    check_folder_target(args.out)
    pairs, workers = _pairs(args), chosen_workers(args)
    make, stamp = _labeller(args, list(pairs))
    journal = args.out / JOURNAL
    summary = run(pairs, make, journal=journal, stamp=stamp, workers=workers, retries=args.retries,
                  kept=lambda key, row: not row['kept'] or (args.out / row['disp']).is_file(), progress=show_progress)
    report = write_result(args.out, summary, encoding=args.encoding, keep=args.keep, settings=stamp)
    _tell(report, summary.earlier, args.out)
    return tell_failures(summary, journal, 'pairs')


def _pairs(args: argparse.Namespace) -> dict[str, Pair]:
    from perception_kd.inference.stereo.pairs import pairs_of_inputs, pairs_of_layout, pairs_of_list

    first = args.input[0]
    if args.layout and len(args.input) == 1:
        found = pairs_of_layout(first, args.layout, args.split)
    elif len(args.input) == 1 and first.suffix == _LIST:
        found = pairs_of_list(first, args.root or first.parent)
    elif args.layout:
        raise ValueError(f'--layout {args.layout} takes one input, the root of the data set; got {len(args.input)}')
    else:
        found = pairs_of_inputs(args.input)
    named = {pair.name: pair for pair in found[:args.count]}
    if args.count is not None and not 0 < args.count <= len(found):
        raise ValueError(f'--count {args.count}: there are {len(found)} pairs')
    if len(named) < len(found[:args.count]):
        raise ValueError(f'{first}: several pairs have one name; give the lines of the list a "scene" each')
    return named


def _labeller(args: argparse.Namespace, names: list[str]) -> tuple[MakeStereoLabeller, dict[str, Any]]:
    """What makes labels, and the settings on which they depend."""
    from perception_kd.engine.build import load_config
    from perception_kd.files import fingerprint
    from perception_kd.inference.stereo.predictor import MatchSettings
    from perception_kd.inference.stereo.rig import RigSwitches
    from perception_kd.pseudo_labels.stereo.labeller import MakeStereoLabeller
    from perception_kd.pseudo_labels.stereo.trust import TrustRules

    photometric = args.photometric if args.photometric is not None else 0.0 if args.mono else _PHOTOMETRIC
    rules = TrustRules(left_right=args.left_right or None, angle=args.angle, photometric=photometric or None,
                       step=args.cells, keep=args.keep)
    settings = MatchSettings(max_disp=args.max_disp, iterations=args.iterations, scale=args.scale,
                             two_pass=args.two_pass)
    every = max(len(names) // max(args.pictures, 1), 1)
    make = MakeStereoLabeller(
        cfg=load_config(args.config, args.cfg_options), checkpoint=args.checkpoint, out=args.out,
        mono=args.mono and (load_config(args.mono[0], {}), args.mono[1]), mono_longest=args.mono_longest, rules=rules,
        settings=settings, encoding=args.encoding, sky=args.sky, camera=RigSwitches(calib=args.calib), focal=args.focal,
        doffs=args.doffs, check=not args.no_check, drawn=frozenset(names[::every][:args.pictures]), device=args.device)
    stamp = dict(teacher=fingerprint(args.checkpoint), config=args.config, cfg_options=str(args.cfg_options or ''),
                 mono=args.mono and fingerprint(args.mono[1]), mono_longest=args.mono_longest, rules=vars(rules),
                 settings=vars(settings), encoding=args.encoding, sky=args.sky and str(args.sky),
                 calib=args.calib and str(args.calib), focal=args.focal, doffs=args.doffs, check=not args.no_check)
    return make, stamp


def _tell(report: dict[str, Any], earlier: int, out: Path) -> None:
    from perception_kd.pseudo_labels.stereo.result import PAIRS

    if earlier:
        print(f'{earlier} of {report["pairs"]} pairs were labelled earlier')
    for reason, count in report['reasons'].items():
        print(f'left out: {count} ({reason})')
    print(f'{out / PAIRS}: {report["kept"]} of {report["pairs"]} pairs kept')
