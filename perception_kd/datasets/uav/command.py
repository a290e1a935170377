"""The UAV part of ``tools/convert.py``: a sub-command a format, merging, and the check."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PREFIX = 'uav-'
_MERGE, _CHECK = 'uav-merge', 'uav-check'


def add_uav(parsers: argparse._SubParsersAction) -> None:
    """Add ``uav-coco``, ``uav-yolo`` and so on, ``uav-merge`` and ``uav-check``."""
    from perception_kd.datasets.uav.formats import FORMATS

    for name, kind in FORMATS.items():
        what = f'{kind.what}; into COCO-video json (docs/uav_data.md)'
        parser = parsers.add_parser(f'{PREFIX}{name}', help=what, description=what)
        parser.add_argument('--root', type=Path, required=True, help='folder of the set')
        _add_reader(parser, kind.options, dict(kind.defaults))
        parser.add_argument('--every', type=int, default=1, metavar='K', help='take one of K frames (1)')
        parser.add_argument('--quality', type=int, default=95, help='of the JPEG files of video frames (95)')
        parser.add_argument('--shares', type=float, nargs=3, default=[0.7, 0.15, 0.15],
                            metavar=('TRAIN', 'VAL', 'TEST'), help='for sets without splits (0.7 0.15 0.15)')
        parser.add_argument('--seed', type=int, default=0, help='of that split, which never parts a video')
        parser.add_argument('--ignore-splits', dest='keep_splits', action='store_false',
                            help="not the set's own splits")
        _add_common(parser)
    what = 'several converted sets as one; their splits stay'
    merge = parsers.add_parser(_MERGE, help=what, description=what)
    merge.add_argument('--root', type=Path, nargs='+', required=True, help='converted sets')
    merge.add_argument('--every', type=int, nargs='+', default=[1], metavar='K',
                       help='one of K frames; one number for all sets, or one a set')
    _add_common(merge)
    what = 'what a converted set holds, and what would spoil a score on it'
    check = parsers.add_parser(_CHECK, help=what, description=what)
    check.add_argument('--root', type=Path, required=True, help='converted set')


def _add_reader(parser: argparse.ArgumentParser, options: Sequence[str], defaults: dict[str, Any]) -> None:
    if 'ann' in options:
        parser.add_argument('--ann', nargs='+', default=[], metavar='FILE', help='annotation files (default: all)')
    if 'origin' in options:
        origin = defaults.get('origin', 0 if 'part' in options else 1)
        parser.add_argument('--origin', type=int, choices=[0, 1], default=origin,
                            help=f'first pixel: 1 as PASCAL counts, 0 as labelImg does ({origin})')
    if 'part' in options:
        parser.add_argument('--part', choices=['detection', 'tracking', 'both'], default='both')
    if 'modality' in options:
        parser.add_argument('--modality', choices=['rgb', 'ir', 'both'], default='rgb', help='camera (rgb)')
    if 'grouping' in options:
        parser.add_argument('--video', default='', metavar='REGEX',
                            help='which pictures are one video: (?P<video>...) and perhaps (?P<frame>...), searched '
                                 'for in their paths (default: what stands before the last number)')
        parser.add_argument('--single', action='store_true', help='pictures belong to no video')


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', type=Path, required=True, help='new folder')
    parser.add_argument('--map', nargs='+', default=[], metavar='FROM=TO', dest='renamed',
                        help='categories; an empty TO leaves boxes out. UAV and the like become drone by themselves')
    parser.add_argument('--symlink', action='store_true', help='link to pictures, which then must stay where they are')
    parser.add_argument('--strict', action='store_true', help='fail where anything is left out')
    parser.add_argument('--workers', type=int, default=min(os.cpu_count() or 1, 8), help='processes')
    parser.add_argument('--force', action='store_true', help='replace an earlier conversion')


def run_uav(source: str, options: dict[str, Any]) -> int:
    """Carry out a sub-command and print what came of it.

    Args:
        source: Its name.
        options: Of its parser.

    Returns:
        Exit status: 1 where ``uav-check`` finds a problem.
    """
    from perception_kd.datasets.uav.check import check_set

    root = options.pop('root')
    if source == _CHECK:
        report = check_set(root)
    else:
        out = options.pop('out')
        converted = _convert(source, root, out, options)
        print('\n'.join(converted.tally.lines()))
        report = converted.check
        print(out / 'annotations')
    print('\n'.join(report.lines()))
    return int(source == _CHECK and bool(report.problems))


def _convert(source: str, root: Any, out: Path, options: dict[str, Any]) -> Any:
    from perception_kd.datasets.uav.convert import Conversion, convert_uav
    from perception_kd.datasets.uav.listing import Grouping
    from perception_kd.datasets.uav.merge import merge_uav

    options['renamed'] = dict(_pair(text) for text in options['renamed'])
    if source == _MERGE:
        every = options.pop('every')
        return merge_uav(root, out, Conversion(**options), every=every)
    if 'video' in options:
        options['grouping'] = Grouping(pattern=options.pop('video'), single=options.pop('single'))
    names = ('ann', 'grouping', 'modality', 'origin', 'part')
    reader = {name: options.pop(name) for name in names if name in options}
    return convert_uav(source.removeprefix(PREFIX), root, out, Conversion(**options), **reader)


def _pair(text: str) -> tuple[str, str]:
    name, equals, new = text.partition('=')
    if not name or not equals:
        raise ValueError(f'--map {text}: give FROM=TO')
    return name, new
