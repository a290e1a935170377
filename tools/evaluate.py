#!/usr/bin/env python
"""Score stored predictions: with the official code, unless told otherwise.

examples:
  python tools/evaluate.py nuscenes work_dirs/demo/student/results_nusc.json \\
      --root work_dirs/demo/data --version v1.0-sim --split sim_val
  python tools/evaluate.py nuscenes results_nusc.json --root data/nuscenes --version v1.0-trainval --split val \\
      --engine fast
  python tools/evaluate.py nuscenes results_nusc.json --root data/astyx --version v1.0-astyx \\
      --split astyx_val --max-forward 40 --out work_dirs/near
  python tools/evaluate.py nuscenes results_nusc.json --root data/nuscenes --version v1.0-mini \\
      --split mini_val --engine fast --slice light=night distance=0-20
  python tools/evaluate.py slices results_nusc.json --root data/nuscenes --version v1.0-trainval \\
      --split val --by distance speed camera --out work_dirs/slices
  python tools/evaluate.py diff plain.json distilled.json --root data/nuscenes --version v1.0-trainval \\
      --split val
  python tools/evaluate.py diff plain_0.json plain_1.json plain_2.json \\
      --against distilled_0.json distilled_1.json distilled_2.json \\
      --root data/nuscenes --version v1.0-trainval --split val --out work_dirs/diff
  python tools/evaluate.py bias --teacher work_dirs/demo/teacher_lidar/results_nusc.json \\
      --student work_dirs/demo/student/results_nusc.json \\
      --distilled work_dirs/demo/student_imkd/results_nusc.json \\
      --root work_dirs/demo/data --version v1.0-sim --split sim_val --out work_dirs/demo/bias
  python tools/evaluate.py doctor results_nusc.json --root data/nuscenes --version v1.0-trainval --split val
  python tools/evaluate.py check results_nusc.json --root data/nuscenes --version v1.0-test --split test \\
      --uses camera radar
  python tools/evaluate.py stereo work_dirs/student/test/predictions/middlebury --root data/middlebury \\
      --layout middlebury --split trainingQ --protocol raft_stereo --out work_dirs/student/scores
  python tools/evaluate.py stereo work_dirs/own/pfm --root data/own --list data/own/pairs.jsonl
  python tools/evaluate.py sgbm --root data/sim_stereo --split val --count 24 --max-disp 96 --tune --out work_dirs/sgbm
  python tools/evaluate.py sgbm --root data/middlebury --split trainingQ --settings work_dirs/sgbm/sgbm.json \\
      --out work_dirs/sgbm/middlebury
  python tools/evaluate.py uav work_dirs/yolov5n_cbi/test/results_uav.json --ann data/uav/annotations/val.json \\
      --by-video --out work_dirs/yolov5n_cbi/scores
  python tools/evaluate.py tracks work_dirs/flight/tracks.json --ann data/uav/annotations/val.json
"""

from perception_kd.cli import run_tool


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    from perception_kd.evaluation.commands import build_parser

    args = build_parser(__doc__).parse_args()
    return args.run(args)


if __name__ == '__main__':
    run_tool(main)
