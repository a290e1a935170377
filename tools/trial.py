#!/usr/bin/env python
"""Can it learn at all? Overfit a few frames, or make the loss of one pair fall. Minutes, not hours.

examples:
  python tools/trial.py overfit configs/demo/sim_teacher.py --frames 8 --steps 400 --reach 24
  python tools/trial.py pair configs/demo/sim_imkd.py --pair lidar_to_radar --steps 50 \\
      --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    trials = parser.add_subparsers(dest='trial', required=True)
    overfit = trials.add_parser('overfit', help='train on a few frames, score the same frames')
    overfit.add_argument('--frames', type=int, default=8)
    overfit.add_argument('--steps', type=int, default=400)
    overfit.add_argument('--reach', type=float, metavar='M',
                         help="score boxes less than M metres away along both axes: stay inside the model's grid")
    overfit.add_argument('--work-dir', type=Path, default=Path('work_dirs/overfit'))
    pair = trials.add_parser('pair', help="train the student by one pair's loss alone")
    pair.add_argument('--pair', required=True)
    pair.add_argument('--steps', type=int, default=50)
    for trial in (overfit, pair):
        trial.add_argument('config', help='config file')
        trial.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, metavar='KEY=VALUE')
        trial.add_argument('--json', type=Path, help='write the result there')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from perception_kd.engine import trials
    from perception_kd.files import write_json

    if args.trial == 'overfit':
        result = trials.overfit(args.config, args.work_dir, args.frames, args.steps, args.reach,
                                args.cfg_options)
        print(f'car AP on the {args.frames} frames it was trained on: {result["mean_dist_aps"]["car"]:.3f}, '
              f'mean over the classes present {result["mean_ap_present"]:.3f}')
    else:
        result = trials.pair_alone(args.config, args.pair, args.steps, options=args.cfg_options)
        print(f'{args.pair}: {result["first"]:.4f} -> {result["last"]:.4f} in {args.steps} steps, '
              f'a fall of {result["fall"]:.0%}')
    if args.json:
        write_json(args.json, dict(trial=args.trial, config=args.config, steps=args.steps, result=result))
    return 0


if __name__ == '__main__':
    run_tool(main)
