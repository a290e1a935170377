"""``tools/pseudo_label.py boxes``: boxes of a teacher for key frames or pictures that nobody annotated."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perception_kd.pseudo_labels.commands.workers import add_work, chosen_workers, tell_failures

if TYPE_CHECKING:
    from perception_kd.pseudo_labels.boxes.job import BoxJob, BoxReport

DESCRIPTION = """\
Boxes of a teacher in the places of annotations.

Key frames (a config that is tested on NuScenesRadarDataset): INPUT is an info file; an info file to train on and a
result file come out. Pictures (any other detector, mmdet's too): INPUT is a folder, a list or a picture; a COCO file
comes out. Both say that they are pseudo-labels, and nothing is scored against them.

examples:
  python tools/pseudo_label.py boxes configs/demo/sim_teacher.py work_dirs/teacher/epoch_12.pth \\
      nuscenes_infos_sim_train.pkl --out work_dirs/pseudo_boxes --labelled fraction=0.25 --score 0.3 car=0.4
  python tools/pseudo_label.py boxes DETECTOR_CONFIG detector.pth recordings/frames --out work_dirs/pseudo_pictures \\
      --score 0.5 --evidence 4 --workers 2
"""


def add(kinds: Any) -> None:
    """Add the sub-parser."""
    from perception_kd.overrides import OverrideAction

    parser = kinds.add_parser('boxes', help='boxes of key frames or pictures', description=DESCRIPTION,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the teacher')
    parser.add_argument('checkpoint', type=Path, help='its weights')
    parser.add_argument('input', type=Path, help='see above')
    rule = parser.add_argument_group('what is kept')
    rule.add_argument('--score', nargs='+', default=['0.3'], metavar='N|CLASS=N',
                      help='least score of all classes, or of one: 0.4 car=0.5 (default: 0.3)')
    rule.add_argument('--evidence', type=float, default=1.0, metavar='N',
                      help='least number of LiDAR and radar returns in a box of a key frame, or pixels of the shorter '
                           'side of a box in a picture (default: 1)')
    rule.add_argument('--floor', type=float, default=0.1, metavar='SCORE',
                      help='boxes below are not even noted; above it, the same folder can be labelled again by other '
                           'scores without predicting (default: 0.1)')
    frames = parser.add_argument_group('key frames')
    frames.add_argument('--labelled', nargs='+', action=OverrideAction, metavar='KEY=VALUE',
                        help='part that keeps its annotations, in the words of the config (fraction=0.25 by=scene '
                             'seed=0); without it no frame does')
    frames.add_argument('--no-velocity', action='store_true', help="leave the teacher's velocities out")
    frames.add_argument('--doubles', action='store_true',
                        help='keep boxes, too, in whose place a better one stands (a bicycle in a motorcycle)')
    add_work(parser)
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Label what the command line names; 1 where items failed for good."""
    from perception_kd.engine.build import load_config, require
    from perception_kd.pseudo_labels.queue import JOURNAL

    cfg = load_config(args.config, args.cfg_options)
    require(cfg, 'model', 'test_dataloader')
    kind = str((cfg.test_dataloader.get('dataset') or {}).get('type')).rpartition('.')[2]
    if kind == 'StereoDataset':
        raise ValueError(f'config {args.config} is of stereo, whose labels are disparities; label with: '
                         'tools/pseudo_label.py stereo')
    report = _label(_job(args, cfg), args, frames=kind == 'NuScenesRadarDataset')
    what = 'key frames' if report.results else 'pictures'
    for line in _lines(report, what):
        print(line)
    return tell_failures(report.done, args.out / JOURNAL, what)


def _job(args: argparse.Namespace, cfg: Any) -> BoxJob:
    from perception_kd.pseudo_labels.boxes.job import BoxJob
    from perception_kd.pseudo_labels.boxes.rule import KeepRule
    from perception_kd.visualization.options import scores_of_texts

    score, scores = scores_of_texts(args.score)
    rule = KeepRule(score, scores, args.evidence, args.doubles)
    return BoxJob(cfg, args.checkpoint, args.out, rule, floor=args.floor, device=args.device, retries=args.retries,
                  workers=chosen_workers(args))


def _label(job: BoxJob, args: argparse.Namespace, *, frames: bool) -> BoxReport:
    if frames:
        from perception_kd.datasets.nuscenes.labelled import Labelled
        from perception_kd.pseudo_labels.boxes.frames_job import label_frames

        return label_frames(job, args.input, labelled=Labelled.build(args.labelled), velocity=not args.no_velocity)
    if args.labelled or args.no_velocity or args.doubles:
        raise ValueError(f'--labelled, --no-velocity and --doubles are for key frames, and config {args.config} is of '
                         'pictures')
    from perception_kd.pseudo_labels.boxes.pictures_job import label_pictures

    return label_pictures(job, args.input)


def _lines(report: BoxReport, what: str) -> Iterator[str]:
    if report.done.earlier:
        yield f'{report.done.earlier} {what} were labelled earlier'
    yield from report.tally.lines(what)
    if not report.tally.kept:
        yield 'no box was kept: is the teacher trained for such data, or are the scores to be kept too high?'
    yield from map(str, filter(None, (report.results, report.labels)))
