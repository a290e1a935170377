#!/usr/bin/env python
"""Convert other sensor logs into the nuScenes format.

examples:
  python tools/convert.py astyx --root ../shared/data/radar_fusion/astyx_hires2019 --out data/astyx
  python tools/create_data.py nuscenes --root data/astyx --version v1.0-astyx
"""

import argparse
import os
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    sources = parser.add_subparsers(dest='source', required=True)
    astyx = sources.add_parser('astyx', help='Astyx HiRes 2019: front camera, LiDAR, 4D radar')
    astyx.add_argument('--root', type=Path, required=True, help='folder of the source data')
    astyx.add_argument('--out', type=Path, required=True, help='new nuScenes-format root')
    astyx.add_argument('--workers', type=int, default=min(os.cpu_count() or 1, 8), help='processes')
    astyx.add_argument('--force', action='store_true', help='replace an earlier conversion')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.datasets.convert.astyx import VERSION, convert_astyx

    report = convert_astyx(args.root, args.out, force=args.force, workers=args.workers)
    for title in ('splits', 'counts'):
        for name, count in report[title].items():
            print(f'{name:<40}{count:>7}')
    print(f'{args.out / VERSION}')
    return 0


if __name__ == '__main__':
    run_tool(main)
