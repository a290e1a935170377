#!/usr/bin/env python
"""Train and score a list of configs over seeds with equal budgets, then print one table with paired differences.

The first config is the reference. Configs must differ in nothing but their distillation. Every finished run is one
file, OUT/NAME-seedS.json; interrupt the command and run it again, and it goes on; start it several times, and the
processes share the work. The report is OUT/comparison.md, with OUT/differences.png.

examples:
  python tools/compare.py configs/demo/sim_student.py configs/competitors/sim_*.py --out work_dirs/compare \\
      --seeds 0 1 2 --teacher lidar=work_dirs/demo/teacher_lidar/last.pth label=work_dirs/label/epoch_12.pth \\
      lidar_camera=work_dirs/lidar_camera/epoch_8.pth --score-teacher lidar=configs/demo/sim_teacher.py \\
      --cfg-options data_root=work_dirs/demo/data
  python tools/compare.py none=configs/demo/astyx_student.py kd=configs/demo/astyx_imkd.py --out work_dirs/astyx \\
      --seeds 0 1 2 3 4 --teacher lidar=T.pth --score-teacher lidar=configs/demo/astyx_teacher.py \\
      --subsets distance=0-40 lidar --intervals
  python tools/compare.py none=configs/demo/sim_student.py kd=configs/demo/sim_imkd.py \\
      none10=configs/demo/sim_student.py@labelled.fraction=0.1 kd10=configs/demo/sim_imkd.py@labelled.fraction=0.1 \\
      --out work_dirs/labels --teacher lidar=teacher.pth
  python tools/compare.py none=configs/demo/sim_student.py longer=configs/demo/sim_student.py@max_epochs=12 \\
      configs/methods/sim_cwd.py --out work_dirs/compare_cwd --allow-differences --teacher lidar=teacher.pth
  torchrun --nproc_per_node 8 tools/compare.py configs/imkd/student_r50_256x704.py configs/imkd/imkd_r50_256x704.py \\
      configs/competitors/r50_*.py --out work_dirs/compare_r50 --teacher lidar=L.pth label=E.pth lidar_camera=F.pth \\
      --launcher pytorch --amp bf16
  python tools/compare.py configs/uav/cpu/yolov5n_cbi.py configs/uav/cpu/[dfr]*.py --out work_dirs/compare_uav \\
      --seeds 0 1 2 --teacher uav=work_dirs/yolov5m_cbi/last.pth --metrics AP AP_vt recall_8_16 F1 FPPI_negatives
  python tools/compare.py none=configs/stereo/small_student.py@max_epochs=6 \\
      distilled=configs/stereo/small_tune.py@load_from=work_dirs/small_distil/epoch_2.pth --seeds 0 1 2 \\
      --allow-differences --score-teacher stereo=configs/stereo/small_teacher.py@work_dirs/small_teacher/epoch_5.pth \\
      --out work_dirs/compare_stereo
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from perception_kd.cli import run_tool

if TYPE_CHECKING:
    from perception_kd.comparison.curves.part import Curves
    from perception_kd.comparison.intervals.section import Intervals
    from perception_kd.comparison.queue import Queue
    from perception_kd.comparison.runs import Run
    from perception_kd.comparison.subsets.part import Subsets


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('entries', nargs='+', metavar='[NAME=]CONFIG[@KEY=VALUE]',
                        help='what to compare; the first is the reference')
    parser.add_argument('--out', type=Path, required=True, help="folder of the finished runs' files and the table")
    parser.add_argument('--work-dir', type=Path, help='folder of checkpoints and logs (default: OUT/work)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--more-seeds', nargs='+', default=[], metavar='NAME=SEED[,SEED]',
                        help='further seeds of some entries, the reference among them')
    parser.add_argument('--teacher', nargs='+', default=[], metavar='NAME=CHECKPOINT', help='weights of the teachers')
    parser.add_argument('--score-teacher', nargs='+', default=[], metavar='NAME=CONFIG[@CHECKPOINT]',
                        help='score these teachers too, by the configs that trained them; shows their margin (default '
                        'checkpoint: the one given to --teacher)')
    parser.add_argument('--metrics', nargs='+', help='columns; differences are of the first (default: by the task)')
    parser.add_argument('--subsets', nargs='+', default=[], metavar='FAMILY[=RANGE]',
                        help='also score on parts of the boxes: distance, lidar, light, weather, speed, visibility, '
                        'camera, lidar-points, class, or one such as distance=0-40; of drones: size')
    parser.add_argument('--intervals', nargs='?', type=int, const=1000, default=0, metavar='N',
                        help='intervals over frames, too, from result files in the work folder, with N resamples '
                        '(default 1000): of scenes, or of blocks of frames where there are few scenes')
    parser.add_argument('--block-frames', type=int, default=10, metavar='N', help='frames in such a block')
    parser.add_argument('--curve', action='store_true',
                        help='keep validation figures by epoch, tell when methods reach what the reference had in the '
                        'end, and draw curve.png; needs --cfg-options val_interval=1 train_cfg.val_begin=1')
    parser.add_argument('--jobs', type=int, default=1, help='processes; each takes its part of the cores')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='train every run with all processes of a job, as tools/train.py does')
    parser.add_argument('--amp', nargs='?', const='auto', choices=['auto', 'bf16', 'fp16'], help='mixed precision')
    parser.add_argument('--plan', action='store_true', help='say what is finished and what is not, and stop')
    parser.add_argument('--allow-differences', action='store_true',
                        help='accept configs that differ in more than their distillation; the table marks them')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='overrides of all configs')
    parser.add_argument('--helper', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    import torch
    from mmengine.dist import is_main_process

    from perception_kd.comparison.entry import parse_entries, parse_teachers
    from perception_kd.comparison.metrics import default_metrics
    from perception_kd.comparison.queue import Queue, plan_runs
    from perception_kd.comparison.summary import check_metrics, conclude, describe_plan
    from perception_kd.comparison.teachers import check_same_split, parse_teacher_configs, score_teachers
    from perception_kd.engine.launch import start_processes
    from perception_kd.overrides import named_values

    if args.jobs < 1 or (args.jobs > 1 and args.launcher != 'none'):
        raise ValueError(f'--jobs must be at least 1, and 1 with --launcher, got {args.jobs}')
    entries, teachers = parse_entries(args.entries), parse_teachers(args.teacher)
    teacher_configs = parse_teacher_configs(args.score_teacher, teachers)
    start_processes(args.launcher)
    runs = plan_runs(entries, sorted(set(args.seeds)), args.cfg_options, teachers, args.allow_differences,
                     named_values(args.more_seeds, '--more-seeds', seeds), launcher=args.launcher, amp=args.amp)
    metrics = args.metrics or default_metrics(runs)
    check_metrics(metrics, runs)
    check_same_split(teacher_configs, args.cfg_options, runs[0].cfg)
    subsets, curves = subsets_of(args, runs), curves_of(args, runs, metrics[0])
    queue = Queue(runs, args.out, args.work_dir or args.out / 'work', parts=[*subsets, *curves])
    intervals = intervals_of(args, queue, metrics)
    if args.plan:
        print(describe_plan(queue))
        return 0
    queue.unfinished()  # refuses files of other settings before anything long begins
    if not args.helper and is_main_process():
        queue.forget_failures()
    helpers = [start_helper(args.jobs) for _ in range(args.jobs - 1)]
    if helpers:
        torch.set_num_threads(threads_of_one(args.jobs))
    try:
        queue.work_off()
    except KeyboardInterrupt:
        for helper in helpers:
            helper.terminate()
        raise
    finally:
        for helper in helpers:
            helper.wait()
    if helpers:
        queue.work_off()  # what a helper has begun that was killed
    if args.helper:
        return 0
    scores = score_teachers(teacher_configs, args.cfg_options, queue.out, queue.work, args.launcher,
                            subsets)
    if is_main_process():
        from perception_kd.comparison.differences.section import Differences  # draws, so it reads Matplotlib

        drawn = Differences(metrics[0], args.out, *intervals)
        sections = [part.section for part in (*intervals, *subsets, *curves, drawn)]
        print(f'\n{conclude(queue, [entry.name for entry in entries], metrics, scores, sections)}')
    return 0


def seeds(text: str) -> list[int]:
    """Numbers with commas between them."""
    return [int(word) for word in text.split(',')]


def subsets_of(args: argparse.Namespace, runs: list[Run]) -> list[Subsets]:
    """Subsets of the boxes, where they are asked for."""
    from perception_kd.comparison.subsets.part import Subsets

    return [Subsets(args.subsets, runs[0].cfg)] if args.subsets else []


def curves_of(args: argparse.Namespace, runs: list[Run], metric: str) -> list[Curves]:
    """Learning curves, where they are asked for."""
    if not args.curve:
        return []
    from perception_kd.comparison.curves.part import Curves  # draws, so it reads Matplotlib

    return [Curves(runs, metric, args.out)]


def intervals_of(args: argparse.Namespace, queue: Queue, metrics: list[str]) -> list[Intervals]:
    """Intervals over frames, where they are asked for."""
    from perception_kd.comparison.intervals.section import Intervals

    return [Intervals(queue, metrics, args.intervals, args.block_frames)] if args.intervals else []


def start_helper(jobs: int) -> subprocess.Popen:
    """This command once more, in another process, with its part of the cores."""
    return subprocess.Popen([sys.executable, *sys.argv, '--jobs', '1', '--helper'],
                            env={**os.environ, 'OMP_NUM_THREADS': str(threads_of_one(jobs))})


def threads_of_one(jobs: int) -> int:
    """Threads for one of several processes."""
    return max(int(os.environ.get('OMP_NUM_THREADS') or os.cpu_count() or 1) // jobs, 1)


if __name__ == '__main__':
    run_tool(main)
