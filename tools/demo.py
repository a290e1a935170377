#!/usr/bin/env python
"""The main job end to end, from nothing to a table and a report. Interrupt and run again: it goes on.

examples:
  python tools/demo.py
  python tools/demo.py --out work_dirs/demo --seed 1
  python tools/demo.py --real ../shared/data/radar_fusion/astyx_hires2019
"""

import argparse
import os
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, help='folder of all it makes (default: under work_dirs)')
    parser.add_argument('--scenes', type=int, default=12, help='simulated scenes')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=min(os.cpu_count() or 1, 8), help='processes for data')
    parser.add_argument('--real', type=Path, metavar='DIR', help='use the Astyx HiRes 2019 logs in DIR')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.engine import demo, demo_real

    if args.real:
        recipe = demo_real.build_demo(args.out or Path('work_dirs/demo_real'), args.real, args.seed,
                                      args.workers, args.cfg_options)
        print(demo_real.run(recipe))
    else:
        recipe = demo.build_demo(args.out or Path('work_dirs/demo'), args.scenes, args.seed, args.workers,
                                 args.cfg_options)
        print(demo.run(recipe))
    return 0


if __name__ == '__main__':
    run_tool(main)
