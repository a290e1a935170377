"""The student as an ONNX graph of standard operators, held against PyTorch before it may exist."""

from __future__ import annotations

import importlib
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from perception_kd.benchmark.synthetic import BatchShape, make_batch
from perception_kd.export.graph import StudentGraph, meaning, stack_past
from perception_kd.export.onnx_session import MISSING, OnnxStudent, padded
from perception_kd.export.parity import largest_difference, most_radar_points
from perception_kd.export.student import load_student
from perception_kd.files import atomic_path, check_file_target
from perception_kd.models.det3d import CameraRadarDetector
from perception_kd.models.layers.export_forms import export_forms
from perception_kd.version import __version__

OPSET = 18  # the first whose scatter takes a maximum
TOLERANCE = 1e-3


@dataclass(frozen=True)
class OnnxReport:
    """What was written.

    Attributes:
        inputs, outputs: Names and shapes.
        operators: How often each operator occurs.
        difference: Largest difference from PyTorch, see ``largest_difference``.
        parameters: Of the student.
    """

    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    operators: dict[str, int]
    difference: float
    parameters: int

    def __str__(self) -> str:
        lines = [f'  {side} {name:24s} {"x".join(map(str, shape))}' for side, shapes in
                 (('in ', self.inputs), ('out', self.outputs)) for name, shape in shapes.items()]
        count = sum(self.operators.values())
        return '\n'.join([*lines,
                          f'  {self.parameters / 1e6:.3f} M parameters, {count} operators of the standard',
                          f'  differs from PyTorch by {self.difference:.1e} at most (of the largest value of a map)'])


def export_onnx(cfg: Config, checkpoint: str | Path | None, out: str | Path, *, opset: int = OPSET,
                radar_points: int | None = None, tolerance: float = TOLERANCE, optimise: bool = True) -> OnnxReport:
    """Write the student of ``checkpoint`` as ONNX, and keep the file only if onnxruntime agrees with PyTorch.

    The graph holds the normalisation of the pictures and all geometry: calibration is an input. One sample at a time;
    raw maps of the head come out. A student that merges past frames streams, see ``StudentGraph``.

    Args:
        cfg: Of a distiller or a student; shapes come from its test loader.
        checkpoint: Weights of either; None: as they are built.
        out: New file; replaced atomically.
        opset: Version of ONNX' operators.
        radar_points: Rows of the radar input; None: what the config's radars and sweeps can give at most.
        tolerance: Largest difference allowed.
        optimise: Fold constants and fuse operators; without it export takes half the time.

    Raises:
        ImportError: ONNX' packages are missing.
        FileNotFoundError, ValueError: Config, checkpoint or graph do not fit; the graph differs from PyTorch. ``out``
            is then as it was.
    """
    onnx = _packages()
    check_file_target(out)
    if radar_points is not None and radar_points < 1:
        raise ValueError(f'--radar-points is 1 or more, got {radar_points}')
    if opset < OPSET:
        raise ValueError(f'--opset {opset}: the graph needs {OPSET} or more (a scatter by maximum)')
    shape = replace(BatchShape.of(cfg), radar_points=radar_points or most_radar_points(cfg))
    reference = load_student(cfg, checkpoint)
    if not isinstance(reference, CameraRadarDetector):
        raise ValueError(f'--format onnx writes camera-radar students; config {cfg.filename} is of '
                         f'{type(reference).__name__}')
    graph = StudentGraph(load_student(cfg, checkpoint), shape.keys)
    graph.load_state_dict({f'student.{name}': value for name, value in reference.state_dict().items()})
    example = _example(graph, shape)
    with _quiet():
        proto, shapes = _graph(graph, example, opset, optimise)
    _prune(proto)
    operators = _operators(proto)
    onnx.helper.set_model_props(proto, {key: json.dumps(value) for key, value in _metadata(cfg, shape, graph).items()})
    with atomic_path(out) as temporary:
        onnx.save(proto, str(temporary))
        onnx.checker.check_model(str(temporary), full_check=True)
        difference = largest_difference(reference, OnnxStudent(temporary), shape)
        if not difference <= tolerance:
            raise ValueError(f'{out} is not written: its graph differs from PyTorch by {difference:.2g}, allowed are '
                             f'{tolerance:g}')
    return OnnxReport(inputs={one.name: tuple(example[one.name].shape) for one in proto.graph.input},
                      outputs={one.name: shapes[one.name] for one in proto.graph.output},
                      operators=operators, difference=difference,
                      parameters=sum(weight.numel() for weight in reference.parameters()))


def _example(graph: StudentGraph, shape: BatchShape) -> dict[str, Tensor]:
    """Inputs to trace the graph with."""
    inputs = make_batch(replace(shape, radar_points=shape.radar_points // 2, past_frames=()))['inputs']
    frame = {key: inputs[key][0] for key in graph.keys}
    if 'radar' in frame:
        frame['radar'] = padded(frame['radar'], shape.radar_points)
    if graph.memory is None:
        return frame
    with torch.no_grad():
        outputs = graph(frame)
    return {**frame, **stack_past(graph.keys, [(frame, outputs, torch.eye(4))] * graph.memory.frames)}


def _graph(graph: StudentGraph, example: dict[str, Tensor], opset: int,
           optimise: bool) -> tuple[Any, dict[str, tuple[int, ...]]]:
    """ONNX' model and the shapes of its outputs."""
    with torch.no_grad(), export_forms():
        outputs = graph(example)
        try:
            program = torch.onnx.export(graph, (), kwargs=dict(inputs=example), dynamo=True, opset_version=opset,
                                        input_names=list(example), output_names=list(outputs), optimize=optimise,
                                        verbose=False)
        except Exception as error:  # whatever an operator without a counterpart raises
            reason = ' '.join(str(error.__cause__ or error).split())[:400]
            raise ValueError(f'this student cannot be written as ONNX: {reason}') from error
    proto = program.model_proto
    for node in proto.graph.node:  # notes of the exporter: stack traces with the paths of this machine
        node.ClearField('metadata_props')
        node.ClearField('doc_string')
    return proto, {name: tuple(value.shape) for name, value in outputs.items()}


def _prune(proto: Any) -> None:
    """Drop inputs that nothing reads, and what was seen where no past input takes it."""
    read = {name for node in proto.graph.node for name in node.input}
    unread = [one for one in proto.graph.input if one.name not in read]
    for one in unread:
        proto.graph.input.remove(one)
    taken = {one.name.replace('past_', 'seen_', 1) for one in proto.graph.input}
    for one in [one for one in proto.graph.output if one.name.startswith('seen_') and one.name not in taken]:
        proto.graph.output.remove(one)


def _operators(proto: Any) -> dict[str, int]:
    """Operators and how often they occur; ``ValueError`` for one that is not of the standard."""
    found: dict[str, int] = {}
    for node in proto.graph.node:
        if node.domain not in ('', 'ai.onnx'):
            raise ValueError(f'the graph needs {node.domain}::{node.op_type}, which is no standard operator')
        found[node.op_type] = found.get(node.op_type, 0) + 1
    return dict(sorted(found.items()))


def _metadata(cfg: Config, shape: BatchShape, graph: StudentGraph) -> dict[str, Any]:
    student = graph.student
    steps = cfg.test_dataloader.dataset.pipeline
    frame = next((step.get('frame', 'lidar') for step in steps if step['type'] == 'ToBEVFrame'), 'lidar')
    meanings = {key: meaning(key, frame) for key in graph.keys}
    if graph.memory is not None:
        meanings['past'] = (
            f'newest first, {list(shape.past_frames)} key frames back: past_<input> of each, past_<name> = its '
            f'seen_<name>, past_to_key {meaning("to_key", frame)}. Where a drive is younger its first frame stands in')
    return dict(perception_kd=__version__, config=Path(cfg.filename or '').name, inputs=meanings, bev_frame=frame,
                outputs='<map>_<task>: raw maps of the CenterHead (1, C, ny, nx), heatmap before the sigmoid',
                tasks=student.head.class_names, point_cloud_range=list(shape.point_cloud_range),
                cell=student.grid.cell, past_frames=list(shape.past_frames))


def _packages() -> Any:
    try:
        importlib.import_module('onnxscript')
        importlib.import_module('onnxruntime')
        return importlib.import_module('onnx')
    except ImportError as error:
        raise ImportError(f'--format onnx {MISSING}') from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages that are not needed here."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
