#!/usr/bin/env python
"""Predict the test split of a config with a checkpoint, write the official result file and score it.

For stereo the results are disparity maps, one file a pair, for drones a JSON of boxes; tools/evaluate.py stereo and uav
score these again.

examples:
  python tools/test.py configs/demo/sim_imkd.py work_dirs/imkd/epoch_10.pth
  python tools/test.py configs/imkd/imkd_r50_256x704.py work_dirs/imkd_r50_256x704/epoch_24.pth --format-only \\
      --work-dir submission --cfg-options test_split=test
  python tools/test.py STEREO_CONFIG student.pth --work-dir work_dirs/stereo_test
  python tools/test.py UAV_CONFIG student_int8.onnx --work-dir work_dirs/uav_int8
"""

import argparse
import os
from pathlib import Path
from typing import Any

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='weights; for drone detectors also an ONNX file of tools/export.py')
    parser.add_argument('--work-dir', help='where results, metrics and logs go '
                                           '(default: work_dirs/<config name>/test)')
    parser.add_argument('--format-only', action='store_true',
                        help='only write the results, of nuScenes checked as by its server; needs no annotations')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def check_whole_split(cfg: Any) -> None:
    """See, before hours of predicting, that the config can write what a server takes; stereo and drones have none.

    Raises:
        ValueError: another metric than that of nuScenes, or a part of the test split.
    """
    from perception_kd.engine.build import RESULT_FOLDERS

    kind = cfg.test_evaluator.get('type')
    if kind not in RESULT_FOLDERS:
        raise ValueError(f'--format-only writes results of {" and ".join(RESULT_FOLDERS)}; test_evaluator is {kind}')
    if kind in ('StereoMetric', 'UAVMetric'):
        return
    if cfg.test_dataloader.get('dataset', {}).get('indices') is not None:
        raise ValueError('--format-only is for the whole split, as the server wants it; '
                         'test_dataloader.dataset.indices chooses a part')


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from perception_kd.files import naming_full_disk, require_file

    require_file(args.checkpoint, 'checkpoint')
    from mmengine.dist import is_main_process

    from perception_kd.engine.build import build_runner, keep_results, load_config, require
    from perception_kd.export import without_teachers
    from perception_kd.export.testing import is_graph, use_graph

    cfg = load_config(args.config, args.cfg_options)
    require(cfg, 'model', 'test_dataloader', 'test_cfg', 'test_evaluator')
    cfg = without_teachers(cfg)
    if args.format_only:
        check_whole_split(cfg)
    folder = Path(args.work_dir or Path('work_dirs') / Path(args.config).stem / 'test')
    cfg.load_from = args.checkpoint
    if is_graph(args.checkpoint):
        use_graph(cfg, args.checkpoint)
    keep_results(cfg, folder)
    if args.format_only:
        cfg.test_evaluator.format_only = True
    with naming_full_disk(folder):
        build_runner(cfg, work_dir=folder, launcher=args.launcher, strict=True).test()
    if is_main_process():
        print(f'results: {folder}')
    return 0


if __name__ == '__main__':
    run_tool(main)
