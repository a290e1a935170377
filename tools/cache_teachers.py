#!/usr/bin/env python
"""Run the teachers of a config once over the training samples and keep what the student's pairs read of it on disk.

Training with the same config then reads the files instead of running the teachers. Interrupted, it goes on where it
was. Training fills what is missing, too. Several processes share the work by --shard or --launcher; each can be stopped
and started on its own, and all together leave what one process leaves.

examples:
  python tools/cache_teachers.py configs/demo/sim_imkd_cached.py --plan \\
      --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
  python tools/cache_teachers.py configs/demo/sim_imkd_cached.py --out work_dirs/teacher_cache \\
      --cfg-options kd_cache.states='${bev_states.flips}' model.teachers.lidar.checkpoint=LIDAR.pth
  python tools/cache_teachers.py CONFIG --out /shared/cache --shard 2/8           # the second of eight jobs
  torchrun --nproc-per-node 8 tools/cache_teachers.py CONFIG --launcher pytorch   # a process a GPU
  srun --nodes 4 --ntasks-per-node 8 --gpus-per-node 8 python tools/cache_teachers.py CONFIG --launcher slurm
"""

import argparse

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a distiller with cached teachers')
    parser.add_argument('--out', metavar='DIR', help='folder of the caches (default: as the config says)')
    parser.add_argument('--plan', action='store_true', help='print how much it takes, and stop')
    parser.add_argument('--batch', type=int, metavar='N', help='samples at once (default: as in training)')
    parser.add_argument('--shard', metavar='I/N', help='do part I (from 1 on) of N alone; other processes do the rest')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='a part for each process of the job')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.engine.build import load_config, require
    from perception_kd.engine.cache_filling import fill_caches
    from perception_kd.engine.launch import place_in_job
    from perception_kd.engine.shards import Shard
    from perception_kd.files import check_folder_target

    if args.batch is not None and args.batch < 1:
        raise ValueError(f'--batch is 1 or more, got {args.batch}')
    if args.shard and args.launcher != 'none':
        raise ValueError('--shard and --launcher both share the work out; give one of them')
    place = place_in_job(args.launcher)
    shard = Shard.read(args.shard) if args.shard else Shard(place.rank + 1, place.world)
    if args.out is not None:
        check_folder_target(args.out)
    cfg = load_config(args.config, args.cfg_options)
    require(cfg, 'model', 'train_dataloader')
    fill_caches(cfg, out=args.out, batch=args.batch, plan=args.plan, shard=shard)
    return 0


if __name__ == '__main__':
    run_tool(main)
