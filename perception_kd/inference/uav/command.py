"""What ``tools/infer.py`` does with a drone detector."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from perception_kd.overrides import OverrideAction

if TYPE_CHECKING:
    from mmengine.config import Config

    from perception_kd.inference.uav.job import UAVReport
    from perception_kd.inference.uav.predictor import FindSettings

_LOW = 0.1  # score down to which a tracker sees boxes, as ByteTrack has it


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options that drone detection has; those of another task's name mean here what stands here."""
    group = parser.add_argument_group('drone detection')
    group.add_argument('--score', nargs='+', default=['0.25'], metavar='N|CLASS=N',
                       help='leave out boxes below, for all classes or one (default: 0.25; of 3D detection 0.3)')
    group.add_argument('--nms', type=float, default=0.45, metavar='IOU',
                       help='leave out boxes that overlap a stronger one by more (default: 0.45)')
    group.add_argument('--slice', type=int, metavar='PX',
                       help='look at tiles of this side, at full size, and at the whole picture')
    group.add_argument('--overlap', type=float, metavar='PART|PX',
                       help='of tiles, at least: twice the side of the largest target (default: 0.2)')
    group.add_argument('--no-full-pass', action='store_true', help='look at tiles only')
    group.add_argument('--track', nargs='*', action=OverrideAction, metavar='KEY=VALUE',
                       help='join boxes of a video into tracks; settings of the tracker: keep=60 cost=nwd')
    group.add_argument('--every', type=int, default=1, metavar='K', help='look at each K-th frame (default: 1)')
    group.add_argument('--max-frames', type=int, metavar='N', help='of each input, at most')
    group.add_argument('--fps', type=float, metavar='N',
                       help='frames per second of pictures that are the frames of a video, or in place of a '
                       "video's own")
    group.add_argument('--reconnect', type=int, default=8, metavar='N',
                       help='attempts to find a lost stream again (default: 8)')
    group.add_argument('--zoom', type=int, default=0, metavar='K', help='draw a close-up of the strongest box, K times')
    group.add_argument('--show', action='store_true', help='show frames in a window; q ends')


def run(args: argparse.Namespace, cfg: Config) -> int:
    """Look for drones in what the command line names; the exit status."""
    from perception_kd.inference.uav.inputs import Reading, sources_of
    from perception_kd.inference.uav.job import FORMATS, Wanted, infer_uav
    from perception_kd.inference.uav.predictor import load_predictor

    if args.samples:
        raise ValueError('--samples is not for drone detection; name the pictures, or give --every and --max-frames')
    settings = _settings(args)
    kinds = FORMATS if args.format is None else tuple(part.strip() for part in args.format.split(',') if part.strip())
    wanted = Wanted(kinds=kinds, zoom=args.zoom, show=args.show, every=args.every, max_frames=args.max_frames)
    new_tracker = _tracker(args, settings)
    inputs = sources_of(args.input, Reading(every=args.every, rate=args.fps, attempts=args.reconnect))
    predictor = load_predictor(cfg, args.checkpoint, settings=settings, device=args.device)
    about = dict(config=str(args.config), checkpoint=str(args.checkpoint), score=args.score, nms=args.nms,
                 slice=args.slice, overlap=settings.overlap, track=args.track, every=args.every)
    report = infer_uav(predictor, inputs, args.out, wanted=wanted, new_tracker=new_tracker, device=args.device,
                       tracker_sees='camera_motion' in (args.track or {}), about=about)
    _tell(report, args)
    return report.status


def _settings(args: argparse.Namespace) -> FindSettings:
    from perception_kd.inference.uav.predictor import FindSettings

    if args.slice is None and (args.overlap is not None or args.no_full_pass):
        raise ValueError(f'--{"no-full-pass" if args.overlap is None else "overlap"} is of tiles: give --slice PX')
    overall, single = 0.25, {}
    for word in args.score:
        name, equals, value = word.rpartition('=')
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f'--score takes N or CLASS=N, got {word!r}') from None
        if equals:
            single[name] = number
        else:
            overall = number
    tracked = args.track is not None
    return FindSettings(score=overall, scores=single, nms=args.nms, tile=args.slice, full_pass=not args.no_full_pass,
                        overlap=0.2 if args.overlap is None else args.overlap,
                        floor=args.track.get('low', min(_LOW, overall)) if tracked else None)


def _tracker(args: argparse.Namespace, settings: FindSettings) -> Any:
    """Makes trackers; None where none are wanted. Boxes that are written are those that begin tracks."""
    if args.track is None:
        return None
    from perception_kd.tracking import build_tracker

    chosen = dict(high=settings.score, init=settings.score, low=settings.floor) | args.track
    build_tracker(**chosen)  # settings that are wrong are told now
    return lambda: build_tracker(**chosen)


def _tell(report: UAVReport, args: argparse.Namespace) -> None:
    """What was made, and what was not."""
    print(report.times.table(report.wall) if report.times.frames else 'no frame was looked at')
    for source in report.sources:
        if source['dropped'] or source['reconnects']:
            print(f'{source["name"]}: {source["frames"]} frames looked at, {source["dropped"]} dropped, found again '
                  f'{source["reconnects"]} times')
    broken = sum(len(source['broken']) for source in report.sources)
    if broken:
        print(f'{broken} frames or pictures could not be read, see {args.out / "report.json"}')
    for path in report.files[:4]:
        print(path)
    tracks = f', {report.tracks} tracks' if args.track is not None else ''
    print(f'{args.out}: {report.frames} frames, {report.boxes} boxes{tracks}')
    if report.status:
        print('ended early, as was asked for; the files hold what was seen until then')
