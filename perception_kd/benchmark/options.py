"""The command line of ``tools/benchmark.py``: one sub-parser and one runner a kind. Large imports wait for a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

AMP = ('auto', 'bf16', 'fp16')
BESIDE = ('crn-r50', 'crn-r18')


def build_parser(doc: str) -> argparse.ArgumentParser:
    """Args: ``doc``, the tool's description. Every kind's namespace has ``run``, which makes its report."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest='kind', required=True, metavar='KIND')
    for add in (_add_pooling, _add_ops, _add_latency, _add_step):
        add(kinds, _shared(runs=10))
    _add_nds(kinds, _shared(runs=1))
    _add_infos(kinds, _shared(runs=1))
    return parser


def _shared(runs: int) -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument('--runs', type=int, default=runs, metavar='N', help=f'measured runs a side (default: {runs})')
    shared.add_argument('--threads', type=int, metavar='N', help='CPU threads (default: torch decides)')
    shared.add_argument('--device', default='cpu', help='cpu or cuda (default: cpu)')
    shared.add_argument('--json', type=Path, metavar='FILE', help='write all runs, machine, versions')
    return shared


def _add_pooling(kinds: Any, shared: argparse.ArgumentParser) -> None:
    pooling = kinds.add_parser('pooling', parents=[shared], help='BEV pooling against index_add')
    for name, default, text in (('batch', 1, 'samples'), ('cameras', 6, 'cameras a sample'),
                                ('height', 16, 'feature rows'), ('width', 44, 'feature columns'),
                                ('bins', 59, 'depth bins'), ('channels', 80, 'context channels')):
        pooling.add_argument(f'--{name}', type=int, default=default, metavar='N', help=f'{text} (default: {default})')
    pooling.add_argument('--reduction', choices=('mean', 'sum'), default='mean')
    pooling.set_defaults(run=_run_pooling)


def _add_ops(kinds: Any, shared: argparse.ArgumentParser) -> None:
    ops = kinds.add_parser('ops', parents=[shared], help='portable ops against plain loops')
    ops.add_argument('--points', type=int, default=20000, metavar='N', help='points to voxelise (default: 20000)')
    ops.add_argument('--boxes', type=int, default=1000, metavar='N', help='rotated boxes (default: 1000)')
    ops.add_argument('--iou-threshold', type=float, default=0.2, metavar='X', help='for NMS (default: 0.2)')
    ops.set_defaults(run=_run_ops)


def _add_latency(kinds: Any, shared: argparse.ArgumentParser) -> None:
    latency = kinds.add_parser('latency', parents=[shared], help='a student stage by stage, parameters, operations')
    latency.add_argument('config', help='config of a student or a distiller')
    latency.add_argument('checkpoint', nargs='?', help='weights (default: as the model is built)')
    latency.add_argument('--onnx', metavar='FILE', help='a file of tools/export.py --format onnx to time in turn')
    latency.add_argument('--streaming', action='store_true', help='frame by frame with memories of past frames')
    latency.add_argument('--beside', choices=BESIDE, help='published parameter counts to print beside ours')
    _add_model(latency)
    latency.set_defaults(run=_run_latency)


def _add_step(kinds: Any, shared: argparse.ArgumentParser) -> None:
    step = kinds.add_parser('step', parents=[shared], help='training steps, distilled and bare, time and memory')
    step.add_argument('config', help='config of a distiller, or of a student alone')
    step.add_argument('--data', action='store_true', help="the training loader's batches (default: random ones)")
    _add_model(step)
    step.set_defaults(run=_run_step)


def _add_nds(kinds: Any, shared: argparse.ArgumentParser) -> None:
    nds = kinds.add_parser('nds', parents=[shared], help="the detection metrics' two engines, on the CPU")
    nds.add_argument('--frames', type=int, default=6019, metavar='N', help='key frames (default: 6019, as val has)')
    nds.add_argument('--boxes', type=int, default=200, metavar='N', help='predictions a frame (default: 200)')
    nds.add_argument('--check', type=int, metavar='N', help='no timing: compare both engines on N random cases')
    nds.add_argument('--seed', type=int, default=0, help='of the world or the cases')
    nds.set_defaults(run=_run_nds)


def _add_infos(kinds: Any, shared: argparse.ArgumentParser) -> None:
    infos = kinds.add_parser('infos', parents=[shared], help='info files of full nuScenes against nuscenes-devkit')
    infos.add_argument('--scenes', type=int, default=850, metavar='N', help='scenes of the tables made (default: 850)')
    infos.add_argument('--root', type=Path,
                       help='with v1.0-trainval, or where it is made and stays (default: temporary)')
    infos.add_argument('--workers', type=int, default=2, metavar='N', help='processes of our side (default: 2)')
    infos.set_defaults(run=_run_infos)


def _add_model(parser: argparse.ArgumentParser) -> None:
    from perception_kd.overrides import OverrideAction

    parser.add_argument('--batch', type=int, default=1, metavar='N', help='samples at once (default: 1)')
    parser.add_argument('--amp', nargs='?', const='auto', choices=AMP,
                        help='mixed precision; auto: bf16 on the CPU, fp16 on CUDA')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')


def _run_pooling(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.pooling import PoolingCase, benchmark_pooling

    case = PoolingCase(batch=args.batch, cameras=args.cameras, height=args.height, width=args.width,
                       bins=args.bins, channels=args.channels)
    return benchmark_pooling(case, runs=args.runs, device=args.device, reduction=args.reduction)


def _run_ops(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.ops import OpsCase, benchmark_ops

    if min(args.points, args.boxes) < 1 or not 0 < args.iou_threshold < 1:
        raise ValueError('--points and --boxes are 1 or more, --iou-threshold is between 0 and 1')
    case = OpsCase(points=args.points, boxes=args.boxes, iou_threshold=args.iou_threshold)
    return benchmark_ops(case, runs=args.runs, device=args.device)


def _run_latency(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.latency import LatencyCase, benchmark_latency

    case = LatencyCase(device=args.device, batch=args.batch, amp=args.amp, streaming=args.streaming, runs=args.runs)
    return benchmark_latency(_config(args), case, checkpoint=args.checkpoint, onnx=args.onnx, beside=args.beside)


def _run_step(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.step import StepCase, benchmark_step

    case = StepCase(device=args.device, batch=args.batch, amp=args.amp, data=args.data, runs=args.runs)
    return benchmark_step(_config(args), case)


def _run_nds(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.nds import WorldSize, benchmark_nds
    from perception_kd.benchmark.nds_check import check_cases

    if args.check is None:
        return benchmark_nds(WorldSize(frames=args.frames, boxes=args.boxes, seed=args.seed), runs=args.runs)
    if args.check < 1 or args.seed < 0:
        raise ValueError('--check is 1 or more, --seed 0 or more')
    return check_cases(args.check, args.seed)


def _run_infos(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.infos import benchmark_infos

    if args.workers < 1:
        raise ValueError('--workers is 1 or more')
    return benchmark_infos(scenes=args.scenes, root=args.root, workers=args.workers, runs=args.runs)


def _config(args: argparse.Namespace) -> Any:
    from perception_kd.engine.build import load_config

    return load_config(args.config, args.cfg_options)
