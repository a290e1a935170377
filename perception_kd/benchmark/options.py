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
    for add in (_add_pooling, _add_ops, _add_latency, _add_stereo, _add_step):
        add(kinds, _shared(runs=10))
    _add_scale(kinds, _shared(runs=3, threads=False))
    _add_uav(kinds, _shared(runs=50, threads=False))
    _add_nds(kinds, _shared(runs=1))
    _add_infos(kinds, _shared(runs=1))
    _add_loader(kinds, _shared(runs=5))
    _add_recorder(kinds, _shared(runs=40))
    _add_imports(kinds, _shared(runs=10, threads=False))
    return parser


def _shared(runs: int, threads: bool = True) -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument('--runs', type=int, default=runs, metavar='N', help=f'measured runs a side (default: {runs})')
    shared.set_defaults(threads=None)
    if threads:
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
    latency = kinds.add_parser('latency', parents=[shared],
                               help='a 3D detection student stage by stage, parameters, operations')
    latency.add_argument('config', help='config of a student or a distiller')
    latency.add_argument('checkpoint', nargs='?', help='weights (default: as the model is built)')
    latency.add_argument('--onnx', metavar='FILE', help='a file of tools/export.py --format onnx to time in turn')
    latency.add_argument('--streaming', action='store_true', help='frame by frame with memories of past frames')
    latency.add_argument('--beside', choices=BESIDE, help='published parameter counts to print beside ours')
    _add_model(latency)
    latency.set_defaults(run=_run_latency)


def _add_stereo(kinds: Any, shared: argparse.ArgumentParser) -> None:
    from perception_kd.overrides import OverrideAction

    stereo = kinds.add_parser('stereo', parents=[shared], help='stereo matchers side by side, stage by stage, and SGBM')
    stereo.add_argument('configs', nargs='+', metavar='CONFIG[=CHECKPOINT]',
                        help='matchers or distillers, the one that others are held against first: the teacher')
    stereo.add_argument('--onnx', nargs='+', default=[], metavar='FILE',
                        help='files of tools/export.py --format onnx, a side each; on the CPU')
    stereo.add_argument('--sgbm', nargs='?', const='', metavar='SETTINGS',
                        help="OpenCV's SGBM as a side, with a JSON of settings, or the default ones with the first "
                             "config's disparities; on the CPU")
    stereo.add_argument('--size', nargs=2, type=int, default=[256, 480], metavar=('H', 'W'),
                        help='height and width of the pictures, multiples of 32 (default: 256 480)')
    stereo.add_argument('--max-disp', type=int, metavar='PX',
                        help='disparities of every config (default: each its own)')
    stereo.add_argument('--iterations', type=int, metavar='N',
                        help='of the refinement, of every config (default: each its own)')
    stereo.add_argument('--amp', nargs='?', const='auto', choices=AMP,
                        help='mixed precision of the configs; auto: bf16 on the CPU, fp16 on CUDA')
    stereo.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of every config')
    stereo.set_defaults(run=_run_stereo)


def _add_uav(kinds: Any, shared: argparse.ArgumentParser) -> None:
    from perception_kd.overrides import OverrideAction

    uav = kinds.add_parser('uav', parents=[shared], help='drone detectors side by side: PyTorch, ONNX, ONNX int8')
    uav.add_argument('configs', nargs='*', metavar='CONFIG[=CHECKPOINT]',
                     help='detectors or distillers, the one that others are held against first: the teacher')
    uav.add_argument('--onnx', nargs='+', default=[], metavar='FILE',
                     help='files of tools/export.py, a side each at their own size')
    uav.add_argument('--formats', nargs='+', default=['torch'], metavar='FORMAT',
                     help='of every config: torch (default), onnx, onnx-int8; graphs are exported on the way')
    uav.add_argument('--size', nargs='+', type=int, default=[640], metavar='PX',
                     help='sides of the square pictures, multiples of 32 (default: 640)')
    uav.add_argument('--threads', dest='thread_counts', nargs='+', type=int, default=[1], metavar='N',
                     help='numbers of CPU threads (default: 1)')
    uav.add_argument('--warm-up', type=int, default=5, metavar='N', help='runs before the first measured one '
                     '(default: 5)')
    uav.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                     help='override settings of every config')
    uav.set_defaults(run=_run_uav)


def _add_step(kinds: Any, shared: argparse.ArgumentParser) -> None:
    step = kinds.add_parser('step', parents=[shared], help='training steps, distilled and bare, time and memory')
    step.add_argument('config', help='config of a distiller, or of a student alone')
    step.add_argument('--data', action='store_true', help="the training loader's batches (default: random ones)")
    _add_model(step)
    step.set_defaults(run=_run_step)


def _add_scale(kinds: Any, shared: argparse.ArgumentParser) -> None:
    scale = kinds.add_parser('scale', parents=[shared], help='training steps on one process and on several')
    scale.add_argument('config', help='config of a distiller, or of a student alone')
    scale.add_argument('--processes', nargs='+', type=int, default=[2], metavar='N',
                       help='numbers of processes beside one alone (default: 2); with --device cuda a GPU each')
    scale.add_argument('--steps', type=int, default=10, metavar='N', help='measured steps of a run (default: 10)')
    scale.add_argument('--threads', type=int, default=1, metavar='N', help='CPU threads of each process (default: 1)')
    scale.add_argument('--data', action='store_true', help="the training loader's batches (default: random ones)")
    _add_model(scale, batch=2)
    scale.set_defaults(run=_run_scale)


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


def _add_loader(kinds: Any, shared: argparse.ArgumentParser) -> None:
    from perception_kd.overrides import OverrideAction

    loader = kinds.add_parser('loader', parents=[shared],
                              help="the nuScenes training pipeline against mmdet3d's transforms doing the same")
    loader.add_argument('config', nargs='?', default='configs/demo/sim_student.py',
                        help='whose training data and pipeline (default: %(default)s)')
    loader.add_argument('--root', metavar='DIR', help="data root with info files (default: the config's)")
    loader.add_argument('--workers', nargs='+', type=int, default=[0, 1, 2], metavar='N',
                        help='numbers of loader processes (default: 0 1 2)')
    loader.add_argument('--samples', type=int, default=64, metavar='N', help='samples a run (default: 64)')
    loader.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    loader.set_defaults(run=_run_loader)


def _add_recorder(kinds: Any, shared: argparse.ArgumentParser) -> None:
    recorder = kinds.add_parser('recorder', parents=[shared],
                                help='what taps and their recorder cost in a training step and in inference')
    recorder.add_argument('config', help='config of a distiller, whose pairs say which taps, or of a student: all')
    _add_model(recorder)
    recorder.set_defaults(run=_run_recorder)


def _add_imports(kinds: Any, shared: argparse.ArgumentParser) -> None:
    imports = kinds.add_parser('imports', parents=[shared], help='what imports cost, in fresh processes')
    imports.set_defaults(run=_run_imports)


def _add_model(parser: argparse.ArgumentParser, batch: int = 1) -> None:
    from perception_kd.overrides import OverrideAction

    parser.add_argument('--batch', type=int, default=batch, metavar='N', help=f'samples at once (default: {batch})')
    parser.add_argument('--amp', nargs='?', const='auto', choices=AMP,
                        help='mixed precision; auto: bf16 on the CPU, fp16 on CUDA')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE',
                        help='override settings of the config')


def _run_pooling(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.pooling import benchmark_pooling
    from perception_kd.benchmark.pooling_inputs import PoolingCase

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


def _run_stereo(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.stereo import StereoCase, benchmark_stereo
    from perception_kd.engine.build import load_config
    from perception_kd.evaluation.stereo.sgbm import SGBMSettings, read_settings
    from perception_kd.export.student import student_config

    case = StereoCase(size=tuple(args.size), max_disp=args.max_disp, iterations=args.iterations, device=args.device,
                      amp=args.amp, runs=args.runs)
    configs = []
    for name, _, checkpoint in (given.partition('=') for given in args.configs):
        configs.append((load_config(name, args.cfg_options), checkpoint or None))
    settings = None
    if args.sgbm is not None:
        looked_for = args.max_disp or student_config(configs[0][0]).get('max_disp', SGBMSettings.max_disp)
        settings = read_settings(args.sgbm) if args.sgbm else SGBMSettings(max_disp=looked_for)
    return benchmark_stereo(configs, case, onnx=args.onnx, sgbm=settings)


def _run_uav(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.uav import UAVCase, benchmark_uav
    from perception_kd.engine.build import load_config

    case = UAVCase(sizes=tuple(args.size), threads=tuple(args.thread_counts), formats=tuple(args.formats),
                   runs=args.runs, warm_up=args.warm_up, device=args.device)
    models = [(load_config(name, args.cfg_options), checkpoint or None)
              for name, _, checkpoint in (given.partition('=') for given in args.configs)]
    return benchmark_uav(models, case, onnx=args.onnx)


def _run_step(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.step import StepCase, benchmark_step

    case = StepCase(device=args.device, batch=args.batch, amp=args.amp, data=args.data, runs=args.runs)
    return benchmark_step(_config(args), case)


def _run_scale(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.scale import ScaleCase, benchmark_scale
    from perception_kd.engine.build import load_config

    case = ScaleCase(processes=tuple(args.processes), batch=args.batch, steps=args.steps, runs=args.runs,
                     device=args.device, amp=args.amp, data=args.data, threads=args.threads)
    return benchmark_scale(load_config(args.config, args.cfg_options) if args.data else _config(args), case)


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


def _run_loader(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.loader import LoaderCase, benchmark_loader
    from perception_kd.engine.build import load_config

    case = LoaderCase(workers=tuple(args.workers), samples=args.samples, runs=args.runs)
    root = {} if args.root is None else dict(data_root=args.root)
    return benchmark_loader(load_config(args.config, {**args.cfg_options, **root}), case)


def _run_recorder(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.recorder import RecorderCase, benchmark_recorder

    case = RecorderCase(device=args.device, batch=args.batch, amp=args.amp, runs=args.runs)
    return benchmark_recorder(_config(args), case)


def _run_imports(args: argparse.Namespace) -> Any:
    from perception_kd.benchmark.imports import benchmark_imports

    return benchmark_imports(runs=args.runs)


def _config(args: argparse.Namespace) -> Any:
    """Of 3D detection; stereo has its own kind."""
    from perception_kd.engine.build import load_config
    from perception_kd.export.student import is_stereo

    cfg = load_config(args.config, args.cfg_options)
    if is_stereo(cfg):
        raise ValueError(f'{args.config} is of a stereo matcher: tools/benchmark.py stereo {args.config}')
    return cfg
