#!/usr/bin/env python
"""Predict one's own recordings with a trained student, and say how fast it was.

The config tells the task. 3D detection: INPUT is a nuScenes-format root, or a folder with calib.yaml, pictures and
radar point clouds (docs/inference.md; tools/convert.py folder writes an example from any nuScenes-format root).
Stereo: INPUT is the left and the right picture, a folder of each, with --layout the root of a public data set, or with
--list the folder of the pairs that a list names (docs/stereo_inference.md). Drone detection: INPUT is pictures, videos,
folders of these, lists, a webcam's number or a stream's address (docs/uav_inference.md).

examples:
  python tools/infer.py configs/demo/sim_imkd.py work_dirs/demo/student_imkd/last.pth work_dirs/demo/data \\
      --samples 0 1 2 --out work_dirs/seen
  python tools/infer.py configs/demo/sim_imkd.py student.onnx drive --out work_dirs/drive --score 0.2 --record
  python tools/infer.py STEREO_CONFIG student.pth left.png right.png --focal 721.5 --baseline 0.54 --out work_dirs/pair
  python tools/infer.py STEREO_CONFIG student.pth rectified/left rectified/right --format png,pfm --out work_dirs/pairs
  python tools/infer.py UAV_CONFIG student.pth clip.mp4 pictures/ --slice 640 --track --out work_dirs/drones
  python tools/infer.py UAV_CONFIG student.pth rtsp://192.168.0.9/live --track --every 2 --out work_dirs/camera
"""

import argparse
from pathlib import Path

from perception_kd.cli import run_tool


def parse_args() -> argparse.Namespace:
    """The command line."""
    from perception_kd.inference.tasks import parent_parsers, parse, place_of
    from perception_kd.overrides import OverrideAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     parents=parent_parsers())
    parser.add_argument('config', help='config file of the training')
    parser.add_argument('checkpoint', help='weights of the distiller, of the bare student, or an .onnx file')
    parser.add_argument('input', type=place_of, nargs='+', help='see above')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder for everything that is written')
    parser.add_argument('--samples', nargs='+', default=[], metavar='TOKEN|SCENE|NAME|INDEX',
                        help='which samples; of a root also whole scenes (default: all)')
    parser.add_argument('--device', default='cpu', help='cpu or cuda (default: cpu)')
    parser.add_argument('--format', metavar='KIND', help='3D detection: mp4, gif or none, the film of several samples '
                        '(default: mp4). Stereo: some of png,pfm,png16,npy,depth,depth16,ply (default: png,pfm,png16, '
                        'with known cameras depth,depth16,ply too). Drones: some of json,csv,pictures,video (default: '
                        'all)')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    return parse(parser)


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    args = parse_args()
    from perception_kd.engine.build import load_config
    from perception_kd.inference.tasks import runner_of

    cfg = load_config(args.config, args.cfg_options)
    return runner_of(cfg, args)(args, cfg)


if __name__ == '__main__':
    run_tool(main)
