#!/usr/bin/env python
"""Can it learn at all? Overfit a few frames, see whether pairs move the student, or train one detector for each set of
sensors on simulated worlds (``sensors``: 10 minutes a world; interrupt and run again: it goes on).

examples:
  python tools/trial.py overfit configs/demo/sim_teacher.py --frames 8 --steps 400 --reach 24
  python tools/trial.py pair configs/demo/sim_imkd.py --pair all --steps 50 \\
      --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
  python tools/trial.py sensors --out work_dirs/sensors --seeds 0 1 2
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
    trials = parser.add_subparsers(dest='trial', required=True)
    overfit = trials.add_parser('overfit', help='train on a few frames, score the same frames')
    overfit.add_argument('--frames', type=int, default=8)
    overfit.add_argument('--steps', type=int, default=400)
    overfit.add_argument('--reach', type=float, metavar='M',
                         help="score boxes less than M metres away along both axes: stay inside the model's grid")
    overfit.add_argument('--work-dir', type=Path, default=Path('work_dirs/overfit'))
    pair = trials.add_parser('pair', help="train by one pair's loss alone, with the student learning and frozen")
    pair.add_argument('--pair', default='all', help='name of a pair; default: every one in turn')
    pair.add_argument('--steps', type=int, default=50)
    pair.add_argument('--batches', type=int, default=20, help='kept in memory and used in turn')
    for trial in (overfit, pair):
        trial.add_argument('config', help='config file')
    sensors = trials.add_parser('sensors', help='radar, camera, camera-radar, LiDAR: which sees how much')
    sensors.add_argument('--out', type=Path, default=Path('work_dirs/sensors'))
    sensors.add_argument('--seeds', type=int, nargs='+', default=[0], help='one world and one training for each')
    sensors.add_argument('--scenes', type=int, default=12)
    sensors.add_argument('--epochs', type=int, default=12, help='of every model')
    sensors.add_argument('--workers', type=int, default=min(os.cpu_count() or 1, 8), help='processes for data')
    for trial in (overfit, pair, sensors):
        trial.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE')
        trial.add_argument('--json', type=Path, help='write the result there')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.engine import pair_trial, trials
    from perception_kd.files import check_file_target, write_json

    if args.json:
        check_file_target(args.json)
    if args.trial == 'sensors':
        result = run_sensors(args)
    elif args.trial == 'overfit':
        result = trials.overfit(args.config, args.work_dir, args.frames, args.steps, args.reach,
                                args.cfg_options)
        print(f'car AP on the {args.frames} frames it was trained on: {result["mean_dist_aps"]["car"]:.3f}, '
              f'mean over the classes present {result["mean_ap_present"]:.3f}')
    else:
        result = pair_trial.try_pairs(args.config, args.pair, args.steps, args.batches, options=args.cfg_options)
        print(f'{pair_trial.table(result)}\n\n{args.steps} steps of each pair alone; gain: how much lower it ends '
              "than with a frozen student, over the first; gradient: at the weight, over the task's")
    if args.json:
        asked = {key: value for key, value in vars(args).items() if isinstance(value, str | int | float | list)}
        write_json(args.json, {**asked, 'result': result})
    return 0


def run_sensors(args: argparse.Namespace) -> dict:
    """Metrics by seed and set of sensors; prints the table."""
    from perception_kd.engine import sensor_sets

    recipes = {seed: sensor_sets.build_trial(args.out / f'seed{seed}', args.scenes, seed, args.epochs, args.workers,
                                             args.cfg_options) for seed in args.seeds}
    worlds = {seed: sensor_sets.collect(recipe.run()) for seed, recipe in recipes.items()}
    print(f'\nSimulated worlds of {args.scenes} scenes, {sensor_sets.SPLIT}, {args.epochs} epochs each, scored by '
          f'nuscenes-devkit:\n\n{sensor_sets.report(list(worlds.values()))}')
    return worlds


if __name__ == '__main__':
    run_tool(main)
