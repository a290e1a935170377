#!/usr/bin/env python
"""Score stored predictions: with the official code, unless told otherwise.

examples:
  python tools/evaluate.py nuscenes work_dirs/demo/student/results_nusc.json \\
      --root work_dirs/demo/data --version v1.0-sim --split sim_val
  python tools/evaluate.py nuscenes results_nusc.json --root data/nuscenes --version v1.0-trainval --split val \\
      --engine fast
  python tools/evaluate.py nuscenes results_nusc.json --root data/astyx --version v1.0-astyx \\
      --split astyx_val --max-forward 40 --out work_dirs/near
  python tools/evaluate.py bias --teacher work_dirs/demo/teacher_lidar/results_nusc.json \\
      --student work_dirs/demo/student/results_nusc.json \\
      --distilled work_dirs/demo/student_imkd/results_nusc.json \\
      --root work_dirs/demo/data --version v1.0-sim --split sim_val --out work_dirs/demo/bias
"""

from perception_kd.cli import run_tool


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    from perception_kd.evaluation.commands import build_parser

    args = build_parser(__doc__).parse_args()
    return args.run(args)


if __name__ == '__main__':
    run_tool(main)
