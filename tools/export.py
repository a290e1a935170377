#!/usr/bin/env python
"""Write the student of a trained checkpoint to a file of its own, with a parity check that fails the export.

examples:
  python tools/export.py configs/demo/sim_imkd.py work_dirs/demo/student_imkd/last.pth --format student \\
      --out student.pth
  python tools/export.py configs/demo/sim_imkd.py student.pth --format onnx --out student.onnx
  python tools/export.py configs/stereo/small_student.py student.pth --format onnx --size 384 640 --out stereo.onnx
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from perception_kd.cli import run_tool

if TYPE_CHECKING:
    from mmengine.config import Config

    from perception_kd.export.onnx_file import OnnxReport


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of the training')
    parser.add_argument('checkpoint', help='checkpoint of the distiller or of the bare student')
    parser.add_argument('--format', choices=['student', 'onnx'], default='student',
                        help='student: a checkpoint with the student alone; onnx: a graph of standard operators')
    parser.add_argument('--out', required=True, help='file to write')
    parser.add_argument('--half', action='store_true',
                        help='student: keep matrices and kernels as float16, half the size; float32 again once loaded')
    parser.add_argument('--opset', type=int, default=18, metavar='N',
                        help="onnx: version of ONNX' operators, 18 or more (default: 18)")
    parser.add_argument('--radar-points', type=int, metavar='M',
                        help="onnx: rows of the radar input (default: the most that the config's sweeps can hold)")
    parser.add_argument('--size', nargs=2, type=int, metavar=('H', 'W'),
                        help='onnx, stereo: height and width of the pictures, multiples of 32 (default: 256 480)')
    parser.add_argument('--max-disp', type=int, metavar='PX',
                        help="onnx, stereo: disparities that are looked for, a multiple of 32 (default: the config's)")
    parser.add_argument('--iterations', type=int, metavar='N',
                        help="onnx, stereo: of the refinement (default: the config's)")
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    return parser.parse_args()


def export_graph(args: argparse.Namespace, cfg: Config) -> OnnxReport:
    """Write the ONNX file of the config's task; ``ValueError`` for options of another one."""
    from perception_kd.export.student import is_stereo

    stereo = is_stereo(cfg)
    others = ('half', 'radar_points') if stereo else ('half', 'size', 'max_disp', 'iterations')
    for name in others:
        if getattr(args, name) not in (None, False):
            raise ValueError(f'--{name.replace("_", "-")} is not for --format onnx of {cfg.filename}, see --help')
    if stereo:
        from perception_kd.export.stereo_onnx import SIZE, export_stereo

        return export_stereo(cfg, args.checkpoint, args.out, opset=args.opset, size=tuple(args.size or SIZE),
                             max_disp=args.max_disp, iterations=args.iterations)
    from perception_kd.export.onnx_export import export_onnx

    return export_onnx(cfg, args.checkpoint, args.out, opset=args.opset, radar_points=args.radar_points)


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.engine.build import load_config

    cfg = load_config(args.config, args.cfg_options)
    if args.format == 'onnx':
        print(f'{args.out}:\n{export_graph(args, cfg)}')
    else:
        from perception_kd.export import export_student

        parameters = export_student(cfg, args.checkpoint, args.out, half=args.half)
        exactness = 'rounded to float16' if args.half else 'equal to the checkpoint bit for bit'
        print(f'{args.out}: student of {parameters / 1e6:.3f} M parameters, {exactness}')
    return 0


if __name__ == '__main__':
    run_tool(main)
