#!/usr/bin/env python
"""Train a detector, or distil a student, from a config; or all stages of a recipe, with a table at the end.

examples:
  python tools/train.py configs/demo/sim_teacher.py --work-dir work_dirs/teacher
  python tools/train.py configs/demo/sim_teacher.py --work-dir work_dirs/teacher --resume --cfg-options max_epochs=30
  python tools/train.py configs/demo/sim_imkd.py --dry-run \\
      --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher/epoch_16.pth
  python tools/train.py configs/imkd/recipe_r18.py --amp    # interrupt it, run it again: it goes on
  torchrun --nproc_per_node 8 tools/train.py configs/imkd/teacher_pillar.py --launcher pytorch --amp bf16
  srun --ntasks-per-node 8 python tools/train.py configs/imkd/teacher_pillar.py --launcher slurm --sync_bn torch
"""

import argparse
import os

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='where logs and checkpoints go (default: work_dirs/<config name>)')
    parser.add_argument('--amp', nargs='?', const='auto', choices=['auto', 'bf16', 'fp16'],
                        help='mixed precision; auto: as the config says, else bf16 on the CPU and fp16 on CUDA')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='PATH',
                        help='go on from PATH, or from the newest checkpoint of the work directory')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config, for example train_cfg.max_epochs=2')
    parser.add_argument('--sync_bn', '--sync-bn', choices=['none', 'torch', 'mmcv'],
                        help='batch norms share their statistics between processes')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help="scale the learning rate from the config's base batch size to the batch of all processes")
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument('--dry-run', action='store_true',
                        help='print taps, pairs, shapes and memory of one step on real data, then stop')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from perception_kd.engine.build import build_runner, load_config, require
    from perception_kd.engine.dry_run import dry_run
    from perception_kd.engine.recipe_config import train_recipe
    from perception_kd.files import naming_full_disk

    cfg = load_config(args.config, args.cfg_options)
    switches = dict(launcher=args.launcher, amp=args.amp, sync_bn=args.sync_bn, auto_scale_lr=args.auto_scale_lr)
    if cfg.get('recipe') is not None:
        train_recipe(cfg, args.work_dir, args.cfg_options, resume=args.resume, dry=args.dry_run, **switches)
        return 0
    require(cfg, 'model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
    if args.dry_run:
        dry_run(cfg)
        return 0
    with naming_full_disk(args.work_dir or 'work_dirs'):
        build_runner(cfg, work_dir=args.work_dir, resume=args.resume, **switches).train()
    return 0


if __name__ == '__main__':
    run_tool(main)
