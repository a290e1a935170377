"""A drone detector's graph with 8-bit convolutions, calibrated on pictures (post-training, static, per channel)."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from torch import Tensor

from perception_kd.engine.quiet_log import quiet_log
from perception_kd.evaluation.uav.boxes import overlaps
from perception_kd.export.onnx_file import OPSET, OnnxReport, count_operators, onnx_package
from perception_kd.export.uav_graph import INPUT, Size
from perception_kd.export.uav_onnx import DEPLOYED, PICTURES, SIZE, export_uav
from perception_kd.export.uav_pictures import Picture, drawn_pictures, graph_input, split_pictures
from perception_kd.export.uav_session import OnnxDetector
from perception_kd.files import atomic_path, check_file_target

CALIBRATION = 64
SAME = 0.5  # IoU from which two boxes are the same


@dataclass(frozen=True)
class Int8Report:
    """What was written.

    Attributes:
        graph: Of the float32 graph that it came from.
        pictures: That it was calibrated on.
        megabytes: Of the float32 file and of this one.
        boxes: Above the threshold of deployment, over some pictures: of float32, of int8, and those that both have.
    """

    graph: OnnxReport
    pictures: int
    megabytes: tuple[float, float]
    boxes: tuple[int, int, int]

    def __str__(self) -> str:
        full, small = self.megabytes
        before, after, both = self.boxes
        return '\n'.join([
            str(self.graph).replace('differs from', 'before rounding it differs from'),
            f'  int8, calibrated on {self.pictures} pictures: {small:.2f} MB, float32 {full:.2f} MB',
            f'  boxes with a score of {DEPLOYED["score_thr"]} or more: float32 {before}, int8 {after}, both {both}; '
            'what AP it costs, tools/test.py tells'])


def export_int8(cfg: Config, checkpoint: str | Path | None, out: str | Path, *, size: Size = SIZE, opset: int = OPSET,
                int8_head: bool = False, count: int = CALIBRATION,
                calibration: Sequence[Picture] | None = None) -> Int8Report:
    """Write the detector of ``checkpoint`` as an ONNX file whose convolutions but the last are of 8 bits.

    First comes the float32 graph, with its check against PyTorch; then weights become int8 channel by channel and maps
    uint8, by pairs of QuantizeLinear and DequantizeLinear (QDQ). The last convolutions and the decoding of boxes stay
    in float32: in 8 bits a box would move by pixels.

    Args:
        cfg, checkpoint, out, size, opset: As of ``export_uav``.
        int8_head: Round the last convolutions, too, which costs accuracy.
        count: Pictures of the training split to calibrate on.
        calibration: BGR pictures instead.

    Raises:
        ImportError: ONNX' packages are missing.
        FileNotFoundError, ValueError: as ``export_uav``; no pictures to calibrate on. ``out`` is then as it was.
    """
    onnx_package()
    check_file_target(out)
    if count < 1:
        raise ValueError(f'calibration needs 1 picture or more, got {count}')
    pictures = list(calibration if calibration is not None else split_pictures(cfg, 'train', count))
    if not pictures:
        raise ValueError(f'no pictures to calibrate on: {cfg.get("data_root")} has no {cfg.get("train_ann")}; give the '
                         'folder of a data set with --data')
    with tempfile.TemporaryDirectory() as folder, atomic_path(out) as temporary:
        full = Path(folder) / 'float32.onnx'
        report = export_uav(cfg, checkpoint, full, size=size, opset=opset)
        batches = (graph_input([picture], size) for picture in pictures)
        quantise(full, temporary, batches, int8_head=int8_head)
        shown = split_pictures(cfg, 'val', PICTURES) or drawn_pictures(size, PICTURES)
        boxes = common_boxes(OnnxDetector(full, test_cfg=DEPLOYED), OnnxDetector(temporary, test_cfg=DEPLOYED), shown)
        megabytes = tuple(path.stat().st_size / 1e6 for path in (full, temporary))
    return Int8Report(report, len(pictures), megabytes, boxes)


def quantise(source: Path, target: Path, batches: Iterator[Tensor], *, int8_head: bool = False) -> None:
    """Write ``source`` with 8-bit convolutions to ``target``; the metadata say so.

    Args:
        source: Of ``export_uav``, without suppression.
        target: New file.
        batches: Inputs of the graph.
        int8_head: Round the last convolutions, too.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    # Without onnxruntime's advice to prepare what is prepared.
    with tempfile.TemporaryDirectory() as folder, quiet_log(logging.getLogger(), least=logging.ERROR):
        prepared = Path(folder) / 'prepared.onnx'
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        last, after = head_nodes(onnx.load(str(prepared)))
        quantize_static(str(prepared), str(target), _Reader(batches), quant_format=QuantFormat.QDQ, per_channel=True,
                        weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
                        nodes_to_exclude=after + ([] if int8_head else last))
    proto = onnx.load(str(target))
    count_operators(proto)
    about = {entry.key: entry.value for entry in onnx.load(str(source)).metadata_props}
    onnx.helper.set_model_props(proto, {**about, 'precision': '"int8"'})
    onnx.save(proto, str(target))


def head_nodes(proto: Any) -> tuple[list[str], list[str]]:
    """Names of the convolutions that no other one follows, and of all nodes behind them."""
    readers: dict[str, list[Any]] = {}
    for node in proto.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    def behind(node: Any) -> dict[str, Any]:
        found, open_nodes = {}, [node]
        while open_nodes:
            for name in open_nodes.pop().output:
                for reader in readers.get(name, ()):
                    if reader.name not in found:
                        found[reader.name] = reader
                        open_nodes.append(reader)
        return found

    last, after = [], set()
    for node in proto.graph.node:
        if node.op_type == 'Conv':
            later = behind(node)
            if not any(other.op_type == 'Conv' for other in later.values()):
                last.append(node.name)
                after.update(later)
    return last, sorted(after)


def common_boxes(one: OnnxDetector, other: OnnxDetector, pictures: Sequence[Picture]) -> tuple[int, int, int]:
    """Boxes of the one, of the other, and of the one that the other has too, over some pictures."""
    counts = np.zeros(3, int)
    for picture in pictures:
        first, second = (detector.detect(picture) for detector in (one, other))
        boxes = [np.concatenate([found.bboxes[:, :2], found.bboxes[:, 2:] - found.bboxes[:, :2]], axis=1)
                 for found in (first, second)]
        same = (overlaps(*boxes) >= SAME) & (first.labels[:, None] == second.labels[None]).numpy()
        counts += [len(first), len(second), int(same.any(axis=1).sum())]
    return int(counts[0]), int(counts[1]), int(counts[2])


class _Reader:
    """Feeds the calibration; onnxruntime asks for one input after another."""

    def __init__(self, batches: Iterator[Tensor]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        """The next input, None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch.numpy()}
