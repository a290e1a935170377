#!/usr/bin/env python
"""Predict the test split of a config with a checkpoint, write the official result file and score it.

examples:
  python tools/test.py configs/demo/sim_imkd.py work_dirs/imkd/epoch_10.pth
  python tools/test.py configs/demo/sim_imkd.py work_dirs/imkd/epoch_10.pth --format-only --work-dir submission
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
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='weights')
    parser.add_argument('--work-dir', help='where results_nusc.json, metrics and logs go '
                                           '(default: work_dirs/<config name>/test)')
    parser.add_argument('--format-only', action='store_true', help='only write the result file')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from perception_kd.files import naming_full_disk, require_file

    require_file(args.checkpoint, 'checkpoint')
    from mmengine.dist import is_main_process

    from perception_kd.engine.build import build_runner, load_config, require
    from perception_kd.export import without_teachers

    cfg = load_config(args.config, args.cfg_options)
    require(cfg, 'model', 'test_dataloader', 'test_cfg', 'test_evaluator')
    cfg = without_teachers(cfg)
    folder = Path(args.work_dir or Path('work_dirs') / Path(args.config).stem / 'test')
    cfg.load_from = args.checkpoint
    cfg.test_evaluator.jsonfile_prefix = str(folder)
    cfg.test_evaluator.format_only = args.format_only
    with naming_full_disk(folder):
        build_runner(cfg, work_dir=folder, launcher=args.launcher, strict=True).test()
    if is_main_process():
        print(f'results: {folder}')
    return 0


if __name__ == '__main__':
    run_tool(main)
