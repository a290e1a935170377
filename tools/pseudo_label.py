#!/usr/bin/env python
"""Let a teacher label what nobody annotated, on one process, many, or a Ray cluster; interrupted, it goes on.

examples:
  python tools/pseudo_label.py stereo configs/stereo/small_teacher.py work_dirs/small_teacher/epoch_5.pth \\
      pairs/left pairs/right --out work_dirs/pseudo --workers 2
  python tools/pseudo_label.py stereo configs/stereo/small_teacher.py teacher.pth data/kitti --layout kitti2015 \\
      --split testing --mono configs/stereo/small_mono.py work_dirs/small_mono/epoch_8.pth --out work_dirs/pseudo
  python tools/pseudo_label.py stereo configs/stereo/paper_teacher.py teacher.pth pairs.jsonl --sky masks \\
      --device cuda --workers 64 --address auto --out /shared/pseudo
"""

from perception_kd.cli import run_tool


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    from perception_kd.pseudo_labels.commands import build_parser

    args = build_parser(__doc__).parse_args()
    return args.run(args)


if __name__ == '__main__':
    run_tool(main)
