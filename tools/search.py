#!/usr/bin/env python
"""Search a student block by block: which designs of a model's blocks cost the least accuracy under a budget of latency.

The model of CONFIG with CHECKPOINT is the teacher. Candidates of each block learn from it side by side; latency and
accuracy of every candidate make two tables, the budgeted choice is solved exactly, and the student that it gives is
written as a config and its first weights, for tools/train.py. Interrupt it and run it again, and it goes on.

stages: sample, measure (latency), train, score (accuracy), solve, check (do the tables predict combinations?),
        assemble (with a budget), family (with --sweep)

examples:
  python tools/search.py configs/compress/stereo_small_search.py teacher.pth --work-dir work_dirs/search
  python tools/search.py configs/compress/stereo_small_search.py teacher.pth --work-dir work_dirs/search --sweep
  python tools/search.py configs/compress/stereo_small_search.py teacher.pth --work-dir work_dirs/search --budget 60
  python tools/train.py work_dirs/search/student_60ms/config.py
  python tools/search.py CONFIG CHECKPOINT --work-dir DIR --blocks up8 --until score    # a machine for each block
"""

import argparse
import os

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help="config file with the teacher's model and the section search")
    parser.add_argument('checkpoint', help="the teacher's weights")
    parser.add_argument('--work-dir', required=True, help='where tables, candidates and students go')
    parser.add_argument('--budget', type=float, metavar='MS',
                        help='latency of the whole student to assemble (default: search.budget)')
    parser.add_argument('--sweep', type=float, nargs='*', metavar='MS',
                        help='compare students of these latencies; without numbers, of six from the fastest possible '
                             "to the teacher's")
    parser.add_argument('--until', metavar='STAGE', default='family', help='stop behind this stage')
    parser.add_argument('--blocks', nargs='+', metavar='NAME',
                        help='sample, measure, train and score these blocks only; the later stages need all')
    parser.add_argument('--amp', nargs='?', const='auto', choices=['auto', 'bf16', 'fp16'],
                        help='train candidates in mixed precision')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config, for example search.iterations=500')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', '0')
    from perception_kd.compress.search.job import SearchJob
    from perception_kd.compress.search.stages import check_request, run_search
    from perception_kd.files import naming_full_disk

    request = dict(budget=args.budget, sweep=args.sweep, until=args.until)
    check_request(**request)
    with naming_full_disk(args.work_dir):
        job = SearchJob(config=args.config, checkpoint=args.checkpoint, folder=args.work_dir, options=args.cfg_options,
                        blocks=args.blocks, amp=args.amp)
        run_search(job, **request)
    return 0


if __name__ == '__main__':
    run_tool(main)
