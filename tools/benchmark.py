#!/usr/bin/env python
"""Side-by-side timings: all sides in one run, turn by turn. Ratios within a run are what counts.

examples:
  python tools/benchmark.py pooling
  python tools/benchmark.py pooling --batch 4 --channels 32 --runs 5 --threads 1 --json pooling.json
  python tools/benchmark.py ops --points 20000 --boxes 1000
  python tools/benchmark.py latency configs/imkd/student_r50_256x704.py --device cuda --amp --streaming --beside crn-r50
  python tools/benchmark.py latency configs/demo/sim_student.py student.pth --onnx student.onnx
  python tools/benchmark.py stereo configs/stereo/small_teacher.py configs/stereo/small_student.py=student.pth --sgbm
  python tools/benchmark.py uav configs/uav/yolov5m_cbi.py=m.pth configs/uav/yolov5n_cbi.py=n.pth \\
      --formats torch onnx onnx-int8 --size 640 320 --threads 1 2 --json uav.json
  python tools/benchmark.py step configs/demo/sim_imkd.py --batch 2 --runs 5 --json step.json
  python tools/benchmark.py scale configs/demo/sim_imkd.py --batch 4 --processes 2 4 --json scale.json
  python tools/benchmark.py nds --frames 600 --boxes 200 --json nds.json
  python tools/benchmark.py nds --check 10000
  python tools/benchmark.py infos --scenes 50
  python tools/benchmark.py loader configs/demo/sim_student.py --root data/sim --workers 0 1 2 --json loader.json
  python tools/benchmark.py recorder configs/demo/sim_imkd.py --threads 1 --runs 100 --json recorder.json
  python tools/benchmark.py imports --json imports.json
"""

from __future__ import annotations

from perception_kd.cli import run_tool


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    from perception_kd.benchmark.options import build_parser

    args = build_parser(__doc__).parse_args()
    import torch

    from perception_kd.files import check_file_target, write_json

    if args.json:
        check_file_target(args.json)
    if args.device.startswith('cuda') and not torch.cuda.is_available():
        raise ValueError(f'--device {args.device}: this torch sees no CUDA device')
    if min(args.runs, getattr(args, 'batch', 1)) < 1 or (args.threads is not None and args.threads < 1):
        raise ValueError('--runs, --batch and --threads are 1 or more')
    if args.threads:
        torch.set_num_threads(args.threads)
    report = args.run(args)
    threads = ' '.join(map(str, getattr(args, 'thread_counts', [torch.get_num_threads()])))
    plural = '' if threads == '1' else 's'
    print(f'{report.benchmark}, {threads} thread{plural}, {args.device}\n{report.table()}')
    if args.json:
        write_json(args.json, report.to_json())
        print(f'written: {args.json}')
    return 0


if __name__ == '__main__':
    run_tool(main)
