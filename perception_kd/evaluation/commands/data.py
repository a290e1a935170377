"""Options that several sub-commands about nuScenes have: the data, and the part of it that counts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perception_kd.evaluation.subsets import BoxSubset


def add_data(parser: argparse.ArgumentParser) -> None:
    """Root, version and split."""
    parser.add_argument('--root', type=Path, required=True, help='nuScenes-format data root')
    parser.add_argument('--version', required=True, help='for example v1.0-mini')
    parser.add_argument('--split', required=True, help="one of splits.json, else an official one, else 'all'")


def add_part(parser: argparse.ArgumentParser) -> None:
    """What counts of a split."""
    part = parser.add_argument_group('a part of the split (not the official protocol)')
    part.add_argument('--scenes', nargs='+', default=[], metavar='NAME', help='only these scenes')
    part.add_argument('--samples', type=Path, metavar='FILE',
                      help='only the key frames whose tokens it lists: a JSON list, or one a line')
    part.add_argument('--partial', action='store_true',
                      help='only the key frames that the result files are for, instead of refusing such files')
    part.add_argument('--slice', nargs='+', default=[], metavar='FAMILY=VALUE',
                      help='only boxes of these slices, such as light=night distance=0-20 speed=5+ visibility=0-40 '
                      'camera=CAM_BACK class=car; values of one family add up')
    part.add_argument('--max-forward', type=float, metavar='M', help='only boxes less than M metres ahead')
    part.add_argument('--max-reach', type=float, metavar='M',
                      help='only boxes less than M metres away along both axes')
    part.add_argument('--min-lidar-points', type=int, default=0, metavar='N',
                      help='ignore true boxes with fewer LiDAR points')


def check_out(args: argparse.Namespace) -> None:
    """See that the folder ``--out`` can be made, before what takes long."""
    from perception_kd.files import check_folder_target

    if args.out:
        check_folder_target(args.out)


def chosen_part(args: argparse.Namespace, results: Sequence[Path]) -> dict[str, Any]:
    """``sample_tokens`` and the subset of boxes by the options of :func:`add_part`; None where all counts.

    Raises:
        FileNotFoundError, ValueError: a scene, sample or slice that is not there.
    """
    from perception_kd.evaluation.frames import choose_frames

    tokens = None
    if args.scenes or args.samples or args.partial:
        tokens = choose_frames(args.root, args.version, args.split, scenes=args.scenes, samples=args.samples,
                               results=results if args.partial else ())
    return dict(sample_tokens=tokens, subset=_subset(args))


def _subset(args: argparse.Namespace) -> BoxSubset | None:
    from perception_kd.evaluation.slices.families import default_slices, find_slice
    from perception_kd.evaluation.slices.sectors import load_cameras
    from perception_kd.evaluation.subsets import BoxSubset

    known = default_slices(cameras=load_cameras(args.root, args.version)) if args.slice else []
    subset = BoxSubset(max_forward=args.max_forward, max_reach=args.max_reach, min_lidar_points=args.min_lidar_points,
                       slices=tuple(find_slice(text, known) for text in args.slice))
    return None if subset == BoxSubset() else subset


def add_resampling(parser: argparse.ArgumentParser, resamples: int, what: str = 'scenes') -> None:
    """Number and seed of the resamples."""
    parser.add_argument('--resamples', type=int, default=resamples, metavar='N',
                        help=f'of the {what}, for the intervals (default {resamples}; 0: none)')
    parser.add_argument('--seed', type=int, default=0, help='of the resamples')


def show_progress(total: int, what: str) -> Callable[[str], None]:
    """Write a line with the share that is done to a terminal's stderr at each call; nothing where none looks on."""
    done = 0

    def step(name: str) -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            end = '\n' if done >= total else ''
            print(f'\r\033[K{what}: {done}/{total} ({name})', end=end, file=sys.stderr, flush=True)

    return step
