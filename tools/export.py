#!/usr/bin/env python
"""Write the student of a trained checkpoint to a file of its own, with a parity check that fails the export.

examples:
  python tools/export.py configs/demo/sim_imkd.py work_dirs/demo/student_imkd/last.pth --format student \\
      --out student.pth
  python tools/export.py configs/demo/sim_imkd.py student.pth --format onnx --out student.onnx
  python tools/export.py configs/stereo/small_student.py student.pth --format onnx --size 384 640 --out stereo.onnx
  python tools/export.py configs/uav/yolov5n_cbi.py student.pth --format onnx --size 640 640 --out uav.onnx
  python tools/export.py configs/uav/yolov5n_cbi.py student.pth --format onnx-int8 --data data/uav --out uav_int8.onnx
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from perception_kd.cli import run_tool

if TYPE_CHECKING:
    from mmengine.config import Config

    from perception_kd.export.onnx_file import OnnxReport
    from perception_kd.export.uav_int8 import Int8Report

GRAPH_OPTIONS = ('half', 'radar_points', 'size', 'max_disp', 'iterations', 'nms', 'data', 'int8_head',
                 'calibration_pictures')
TASK_OPTIONS = {'stereo': ('size', 'max_disp', 'iterations'), '3D detection': ('radar_points',),
                'uav': ('size', 'nms', 'data'),
                'uav int8': ('size', 'data', 'int8_head', 'calibration_pictures')}


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of the training')
    parser.add_argument('checkpoint', help='checkpoint of the distiller or of the bare student')
    parser.add_argument('--format', choices=['student', 'onnx', 'onnx-int8'], default='student',
                        help='student: a checkpoint with the student alone; onnx: a graph of standard operators; '
                        'onnx-int8: the same with convolutions of 8 bits, of drone detectors')
    parser.add_argument('--out', required=True, help='file to write')
    parser.add_argument('--half', action='store_true',
                        help='student: keep matrices and kernels as float16, half the size; float32 again once loaded')
    parser.add_argument('--opset', type=int, default=18, metavar='N',
                        help="onnx: version of ONNX' operators, 18 or more (default: 18)")
    parser.add_argument('--radar-points', type=int, metavar='M',
                        help="onnx: rows of the radar input (default: the most that the config's sweeps can hold)")
    parser.add_argument('--size', nargs=2, type=int, metavar=('H', 'W'),
                        help='onnx, stereo and drones: height and width of the pictures, multiples of 32 (default: 256 '
                        '480; of drones 640 640)')
    parser.add_argument('--max-disp', type=int, metavar='PX',
                        help="onnx, stereo: disparities that are looked for, a multiple of 32 (default: the config's)")
    parser.add_argument('--iterations', type=int, metavar='N',
                        help="onnx, stereo: of the refinement (default: the config's)")
    parser.add_argument('--nms', action='store_true', default=None,
                        help='onnx, drones: suppression inside, score 0.25 and IoU 0.45 (default: all boxes come out)')
    parser.add_argument('--data', metavar='ROOT',
                        help="onnx, drones: data set whose pictures the graph is checked and calibrated on, in the "
                        "config's layout (default: the config's)")
    parser.add_argument('--int8-head', action='store_true', default=None,
                        help='onnx-int8: round the last convolutions, too (default: they stay in float32)')
    parser.add_argument('--calibration-pictures', type=int, metavar='N',
                        help='onnx-int8: pictures of the training split to calibrate on (default: 64)')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    return parser.parse_args()


def export_graph(args: argparse.Namespace, cfg: Config) -> OnnxReport | Int8Report:
    """Write the ONNX file of the config's task; ``ValueError`` for options of another one."""
    from perception_kd.export.student import is_stereo, is_uav

    task = 'stereo' if is_stereo(cfg) else 'uav' if is_uav(cfg) else '3D detection'
    int8 = args.format == 'onnx-int8'
    if int8 and task != 'uav':
        raise ValueError(f'--format onnx-int8 writes drone detectors; {cfg.filename} is of {task}')
    for name in GRAPH_OPTIONS:
        if name not in TASK_OPTIONS['uav int8' if int8 else task] and getattr(args, name) not in (None, False):
            raise ValueError(f'--{name.replace("_", "-")} is not for --format {args.format} of {cfg.filename}, see '
                             '--help')
    return dict(stereo=_export_stereo, uav=_export_uav).get(task, _export_detection)(args, cfg)


def _export_stereo(args: argparse.Namespace, cfg: Config) -> OnnxReport:
    from perception_kd.export.stereo_onnx import SIZE, export_stereo

    return export_stereo(cfg, args.checkpoint, args.out, opset=args.opset, size=tuple(args.size or SIZE),
                         max_disp=args.max_disp, iterations=args.iterations)


def _export_detection(args: argparse.Namespace, cfg: Config) -> OnnxReport:
    from perception_kd.export.onnx_export import export_onnx

    return export_onnx(cfg, args.checkpoint, args.out, opset=args.opset, radar_points=args.radar_points)


def _export_uav(args: argparse.Namespace, cfg: Config) -> OnnxReport | Int8Report:
    from perception_kd.export.uav_int8 import CALIBRATION, export_int8
    from perception_kd.export.uav_onnx import SIZE, export_uav
    from perception_kd.files import require_folder

    if args.data is not None:
        require_folder(args.data, 'data set')
    shared = dict(opset=args.opset, size=tuple(args.size or SIZE))
    if args.format == 'onnx':
        return export_uav(cfg, args.checkpoint, args.out, nms=bool(args.nms), **shared)
    count = CALIBRATION if args.calibration_pictures is None else args.calibration_pictures
    return export_int8(cfg, args.checkpoint, args.out, int8_head=bool(args.int8_head), count=count, **shared)


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.engine.build import load_config

    data = {} if args.data is None else dict(data_root=args.data)
    cfg = load_config(args.config, {**args.cfg_options, **data})
    if args.format != 'student':
        print(f'{args.out}:\n{export_graph(args, cfg)}')
    else:
        from perception_kd.export import export_student

        parameters = export_student(cfg, args.checkpoint, args.out, half=args.half)
        exactness = 'rounded to float16' if args.half else 'equal to the checkpoint bit for bit'
        print(f'{args.out}: student of {parameters / 1e6:.3f} M parameters, {exactness}')
    return 0


if __name__ == '__main__':
    run_tool(main)
