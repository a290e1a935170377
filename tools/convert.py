#!/usr/bin/env python
"""Convert other sensor logs into the nuScenes format, its key frames into a plain folder, pictures of drones into
COCO-video json, or released weights.

examples:
  python tools/convert.py astyx --root ../shared/data/radar_fusion/astyx_hires2019 --out data/astyx
  python tools/convert.py vod --root View-of-Delft/view_of_delft_PUBLIC --out data/vod --benchmark-classes
  python tools/convert.py tj4d --root TJ4DRadSet --out data/tj4d
  python tools/create_data.py nuscenes --root data/astyx --version v1.0-astyx
  python tools/convert.py folder --root data/nuscenes --samples scene-0061 --out drive   (for tools/infer.py)
  python tools/convert.py stereo-weights --of foundation-stereo --file model_best_bp2.pth --out foundation_stereo.pth
  python tools/convert.py uav-yolo --root ../shared/data/uav/svanstrom_visible --out data/uav_real
  python tools/convert.py uav-anti-uav --root Anti-UAV-RGBT --every 10 --out data/anti_uav
  python tools/convert.py uav-merge --root data/uav_real data/anti_uav --every 1 5 --out data/uav_all
  python tools/convert.py uav-check --root data/uav_all
  python tools/convert.py yolov5-weights --file yolov5n_state.pth --out yolov5n.pth --classes 1

The readers of View-of-Delft and TJ4DRadSet were written from public documentation and are untested on the real data.
"""

import argparse
import os
from pathlib import Path

from perception_kd.cli import run_tool
from perception_kd.datasets.uav.command import PREFIX, add_uav, run_uav

SOURCES = {
    'astyx': 'Astyx HiRes 2019: front camera, LiDAR, 4D radar',
    'vod': 'View-of-Delft: front camera, LiDAR, 3+1D radar (untested on the real data)',
    'tj4d': 'TJ4DRadSet: front camera, 4D radar, LiDAR if there is one (untested on the real data)',
}


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    sources = parser.add_subparsers(dest='source', required=True, metavar='WHAT')
    for name, what in SOURCES.items():
        source = sources.add_parser(name, help=what, description=what)
        source.add_argument('--root', type=Path, required=True, help='folder of the source data')
        source.add_argument('--out', type=Path, required=True, help='new nuScenes-format root')
        source.add_argument('--workers', type=int, default=min(os.cpu_count() or 1, 8), help='processes')
        source.add_argument('--force', action='store_true', help='replace an earlier conversion')
        if name == 'vod':
            source.add_argument('--tracks', type=Path, metavar='DIR',
                                help='folder of the labels with track ids, which give velocities (default: '
                                     'label_2_with_track_ids/label_2 in or beside the root, where it is)')
            source.add_argument('--benchmark-classes', dest='benchmark_only', action='store_true',
                                help='Car, Pedestrian and Cyclist only; otherwise parked bicycles are bicycles too')
    _add_folder(sources)
    _add_stereo_weights(sources)
    _add_yolov5_weights(sources)
    add_uav(sources)
    return parser.parse_args()


def _add_folder(sources: argparse._SubParsersAction) -> None:
    what = 'the other way: key frames of a nuScenes-format root as a folder with calib.yaml, as tools/infer.py reads it'
    folder = sources.add_parser('folder', help=what, description=what)
    folder.add_argument('--root', type=Path, required=True, help='nuScenes-format root')
    folder.add_argument('--version', metavar='V', help='its tables, where it has several')
    folder.add_argument('--samples', nargs='+', default=[], metavar='TOKEN|SCENE|INDEX',
                        help='key frames of one scene (default: all)')
    folder.add_argument('--out', type=Path, required=True, help='new folder')
    folder.add_argument('--no-lidar', dest='lidar', action='store_false', help='leave LiDAR files out')
    folder.add_argument('--force', action='store_true', help='replace a folder that is there')


def _add_stereo_weights(sources: argparse._SubParsersAction) -> None:
    what = 'weights that NVIDIA released, for StereoMatcher: a checkpoint, and its config beside it as .json'
    weights = sources.add_parser('stereo-weights', help=what, description=what)
    weights.add_argument('--of', required=True, choices=['foundation-stereo', 'fast-foundation-stereo'],
                         help='what they are of')
    weights.add_argument('--file', type=Path, required=True, help='the released file')
    weights.add_argument('--out', type=Path, required=True, help='new .pth file')
    weights.add_argument('--trust', action='store_true',
                         help='read pickled modules (fast-foundation-stereo), in a process of their own; no code of '
                              'the file is run')


def _add_yolov5_weights(sources: argparse._SubParsersAction) -> None:
    what = 'a state dict of YOLOv5 6.x or 7.0, for UAVDetector: a checkpoint, and its config beside it as .json'
    weights = sources.add_parser('yolov5-weights', help=what, description=what)
    weights.add_argument('--file', type=Path, required=True, help='the state dict, as torch.save wrote it')
    weights.add_argument('--out', type=Path, required=True, help='new .pth file')
    weights.add_argument('--classes', type=int, help="number of classes other than the file's: their rows begin anew")


def main() -> int:
    """Exit status; raises what ``run_tool`` says in one line."""
    options = vars(parse_args())
    if options['source'].startswith(PREFIX):
        return run_uav(options.pop('source'), options)
    if options['source'] == 'stereo-weights':
        from perception_kd.models.stereo.released import convert_stereo_weights

        report = convert_stereo_weights(options['of'], options['file'], options['out'], trust=options['trust'])
        print(f'{options["out"]}: {report}')
        return 0
    if options['source'] == 'yolov5-weights':
        from perception_kd.models.uav.released import convert_yolov5_weights

        report = convert_yolov5_weights(options['file'], options['out'], classes=options['classes'])
        print(f'{options["out"]}: {report}')
        return 0
    if options['source'] == 'folder':
        from perception_kd.inference.folder_writer import write_folder

        del options['source']
        print(write_folder(**options))
        return 0
    from importlib import import_module

    source, root, out = (options.pop(name) for name in ('source', 'root', 'out'))
    module = import_module(f'perception_kd.datasets.convert.{source}')
    report = getattr(module, f'convert_{source}')(root, out, **options)
    for title in ('splits', 'counts'):
        for name, count in report[title].items():
            print(f'{name:<64}{count:>7}')
    print(f'{out / module.VERSION}')
    return 0


if __name__ == '__main__':
    run_tool(main)
