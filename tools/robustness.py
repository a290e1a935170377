#!/usr/bin/env python
"""Score models under faults of their sensors: a grid of faults and severities, with mCE and mRR as RoboBEV has them.

Every finished cell is one file, OUT/cells/MODEL.FAULT-SEVERITY.json; interrupt the command and run it again, and it
goes on; start it several times, and the processes share the work. Other weights, settings or data make a cell again.

examples:
  python tools/robustness.py configs/demo/sim_student.py work_dirs/demo/student/last.pth --plan
  python tools/robustness.py student=configs/demo/sim_student.py work_dirs/demo/student/last.pth \\
      --against imkd=configs/demo/sim_imkd.py work_dirs/demo/student_imkd/last.pth \\
      --cfg-options data_root=work_dirs/demo/data --out work_dirs/demo/robustness
  python tools/robustness.py configs/imkd/student_r50_256x704.py student.pth --faults camera --severities 1 2 3 \\
      --engine fast --indices 500 --baseline other/robustness.json
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', metavar='[NAME=]CONFIG', help='config file')
    parser.add_argument('checkpoint', help='weights')
    parser.add_argument('--against', nargs=2, action='append', default=[], metavar=('[NAME=]CONFIG', 'CHECKPOINT'),
                        help='another model on the same data; may be repeated')
    parser.add_argument('--faults', nargs='+', metavar='NAME',
                        help='families (camera camera_rig radar lidar crosses) or single faults; default: all that '
                             'touch a sensor that the models read')
    parser.add_argument('--severities', nargs='+', type=int, metavar='N', help='default: all of each fault')
    parser.add_argument('--seed', type=int, default=0, help='of the faults; equal for all models')
    parser.add_argument('--engine', choices=['devkit', 'fast'], default='devkit', help='who computes the metrics')
    parser.add_argument('--out', type=Path, help='folder of cells, table and charts (default: '
                                                 'work_dirs/<config name>/robustness)')
    parser.add_argument('--indices', type=int, metavar='N', help='only N key frames, spread evenly over the split')
    parser.add_argument('--split', help='test split, for configs with test_split')
    parser.add_argument('--baseline', type=Path, metavar='JSON',
                        help='robustness.json of an earlier run, whose first model is the baseline of CE (default: the '
                             'first model of this run)')
    parser.add_argument('--resamples', type=int, default=1000, metavar='N',
                        help='scenes are drawn N times with replacement for the intervals of differences between '
                             'models; 0: no intervals (default: 1000)')
    parser.add_argument('--plan', action='store_true', help='list the cells and what is left to do, and stop')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of all configs')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.robustness.job import Grid

    options = {**args.cfg_options, **({'test_split': args.split} if args.split else {})}
    out = args.out or Path('work_dirs') / Path(args.config).stem / 'robustness'
    grid = Grid([(args.config, args.checkpoint), *args.against], out, args.faults, args.severities, args.seed,
                args.engine, args.indices, options, args.baseline, args.resamples)
    print(grid.plan() if args.plan else f'\n{grid.run()}')
    return 0


if __name__ == '__main__':
    run_tool(main)
