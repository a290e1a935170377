#!/usr/bin/env python
"""Write the student of a trained checkpoint to a file of its own, with a parity check that fails the export.

examples:
  python tools/export.py configs/demo/sim_imkd.py work_dirs/demo/student_imkd/last.pth --format student \\
      --out student.pth
  python tools/export.py configs/demo/sim_imkd.py student.pth --format onnx --out student.onnx
"""

import argparse

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of the training')
    parser.add_argument('checkpoint', help='checkpoint of the distiller or of the bare student')
    parser.add_argument('--format', choices=['student', 'onnx'], default='student',
                        help='student: a checkpoint with the student alone; onnx: a graph of standard operators')
    parser.add_argument('--out', required=True, help='file to write')
    parser.add_argument('--opset', type=int, default=18, metavar='N',
                        help="onnx: version of ONNX' operators, 18 or more (default: 18)")
    parser.add_argument('--radar-points', type=int, metavar='M',
                        help="onnx: rows of the radar input (default: the most that the config's sweeps can hold)")
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    return parser.parse_args()


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.engine.build import load_config

    cfg = load_config(args.config, args.cfg_options)
    if args.format == 'onnx':
        from perception_kd.export.onnx_export import export_onnx

        report = export_onnx(cfg, args.checkpoint, args.out, opset=args.opset, radar_points=args.radar_points)
        print(f'{args.out}:\n{report}')
    else:
        from perception_kd.export import export_student

        parameters = export_student(cfg, args.checkpoint, args.out)
        print(f'{args.out}: student of {parameters / 1e6:.3f} M parameters, equal to the checkpoint bit for bit')
    return 0


if __name__ == '__main__':
    run_tool(main)
