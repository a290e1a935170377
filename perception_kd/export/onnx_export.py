"""The student as an ONNX graph of standard operators, held against PyTorch before it may exist."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from perception_kd.benchmark.synthetic import BatchShape, make_batch
from perception_kd.export.graph import StudentGraph, meaning, stack_past
from perception_kd.export.onnx_file import (
    OPSET,
    OnnxReport,
    check_opset,
    count_operators,
    onnx_package,
    save_if_equal,
    traced,
)
from perception_kd.export.onnx_session import OnnxStudent, padded
from perception_kd.export.parity import largest_difference, most_radar_points
from perception_kd.export.student import load_student
from perception_kd.files import check_file_target
from perception_kd.models.det3d import CameraRadarDetector
from perception_kd.version import __version__

TOLERANCE = 1e-3


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
    onnx_package()
    check_file_target(out)
    if radar_points is not None and radar_points < 1:
        raise ValueError(f'--radar-points is 1 or more, got {radar_points}')
    check_opset(opset)
    shape = replace(BatchShape.of(cfg), radar_points=radar_points or most_radar_points(cfg))
    reference = load_student(cfg, checkpoint)
    if not isinstance(reference, CameraRadarDetector):
        raise ValueError(f'--format onnx writes camera-radar students and stereo matchers; config {cfg.filename} is of '
                         f'{type(reference).__name__}')
    graph = StudentGraph(load_student(cfg, checkpoint), shape.keys)
    graph.load_state_dict({f'student.{name}': value for name, value in reference.state_dict().items()})
    example = _example(graph, shape)
    proto, shapes = traced(graph, example, opset, optimise)
    _prune(proto)
    operators = count_operators(proto)
    difference = save_if_equal(proto, out, _metadata(cfg, shape, graph), tolerance=tolerance,
                               difference=lambda path: largest_difference(reference, OnnxStudent(path), shape))
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


def _prune(proto: Any) -> None:
    """Drop inputs that nothing reads, and what was seen where no past input takes it."""
    read = {name for node in proto.graph.node for name in node.input}
    unread = [one for one in proto.graph.input if one.name not in read]
    for one in unread:
        proto.graph.input.remove(one)
    taken = {one.name.replace('past_', 'seen_', 1) for one in proto.graph.input}
    for one in [one for one in proto.graph.output if one.name.startswith('seen_') and one.name not in taken]:
        proto.graph.output.remove(one)


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
