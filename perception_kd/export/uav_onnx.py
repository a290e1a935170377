"""A drone detector as one ONNX file of standard operators, held against PyTorch before it may exist."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.config import Config

from perception_kd.export.onnx_file import (
    OPSET,
    OnnxReport,
    check_opset,
    count_operators,
    onnx_package,
    save_if_equal,
    traced,
)
from perception_kd.export.student import load_student
from perception_kd.export.uav_graph import (
    BOXES,
    INPUT,
    LABELS,
    MEANING,
    MEANING_AFTER_NMS,
    SCORES,
    Size,
    UAVGraph,
    check_size,
    folded,
)
from perception_kd.export.uav_nms import add_nms
from perception_kd.export.uav_pictures import Picture, drawn_pictures, graph_input, split_pictures
from perception_kd.export.uav_session import OnnxDetector
from perception_kd.files import check_file_target
from perception_kd.models.uav.detector import UAVDetector
from perception_kd.models.uav.postprocess import BoxSettings, choose_boxes
from perception_kd.version import __version__

SIZE = (640, 640)
TOLERANCE, SCORE_TOLERANCE = 0.05, 1e-3  # px; probability
PICTURES = 8
DEPLOYED = dict(score_thr=0.25, nms_iou=0.45)


def export_uav(cfg: Config, checkpoint: str | Path | None, out: str | Path, *, size: Size = SIZE, nms: bool = False,
               opset: int = OPSET, pictures: Sequence[Picture] | None = None) -> OnnxReport:
    """Write the detector of ``checkpoint`` as ONNX, and keep the file only if onnxruntime agrees with PyTorch.

    The graph holds the normalisation and the decoding of boxes; batch normalisation is folded into convolutions.

    Args:
        cfg: Of a distiller or a detector.
        checkpoint: Weights of either; None: as they are built.
        out: New file; replaced atomically.
        size: Height and width of the pictures, multiples of 32.
        nms: Put suppression with the thresholds of deployment inside; the graph then takes one picture at a time,
            else any number.
        opset: Version of ONNX' operators.
        pictures: BGR, to compare on; None: of the config's validation split, or drawn ones where it has no such files.

    Raises:
        ImportError: ONNX' packages are missing.
        FileNotFoundError, ValueError: Config, checkpoint or numbers do not fit; the graph differs from PyTorch.
            ``out`` is then as it was.
    """
    onnx_package()
    check_file_target(out)
    check_size(size)
    check_opset(opset)
    detector = load_detector(cfg, checkpoint)
    pictures = list(pictures or split_pictures(cfg, 'val', PICTURES))
    seen = f'{len(pictures)} pictures' if pictures else f'{PICTURES} drawn pictures'
    pictures = pictures or drawn_pictures(size, PICTURES)
    settings = BoxSettings(**DEPLOYED)
    example = {INPUT: graph_input((pictures * 2)[:1 if nms else 2], size)}
    proto, shapes = traced(UAVGraph(folded(detector)), example, opset, free=None if nms else {INPUT: {0: 'batch'}})
    dense = 0.0
    if nms:  # suppression may leave nothing to compare, so that all places are compared without it
        with TemporaryDirectory() as folder:
            dense = save_if_equal(proto, Path(folder) / Path(out).name, _about(cfg, detector, size, False),
                                  tolerance=TOLERANCE, unit=' px', difference=lambda path: largest_difference(
                                      detector, path, pictures, settings, together=False))
        add_nms(proto, settings)
    operators = count_operators(proto)
    difference = save_if_equal(proto, out, _about(cfg, detector, size, nms), tolerance=TOLERANCE, unit=' px',
                               difference=lambda path: largest_difference(detector, path, pictures, settings))
    outputs = {BOXES: ('M', 4), SCORES: ('M',), LABELS: ('M',)} if nms else {
        name: ('B', *shape[1:]) for name, shape in shapes.items()}
    return OnnxReport(inputs={INPUT: (1 if nms else 'B', 3, *size)}, outputs=outputs, operators=operators,
                      difference=max(dense, difference), unit=f'px, over {seen}',
                      parameters=sum(weight.numel() for weight in detector.parameters()))


def load_detector(cfg: Config, checkpoint: str | Path | None) -> UAVDetector:
    """The detector of a config, on its own even where the config slices pictures.

    Raises:
        FileNotFoundError, ValueError: it is of another model, or the checkpoint does not fit.
    """
    model = load_student(cfg, checkpoint)
    model = getattr(model, 'detector', model)
    if not isinstance(model, UAVDetector):
        raise ValueError(f'config {cfg.filename} is of {type(model).__name__}, not of a UAVDetector')
    return model


def largest_difference(detector: UAVDetector, path: str | Path, pictures: Sequence[Picture],
                       settings: BoxSettings, *, together: bool = True) -> float:
    """Largest difference of any box in px, over the pictures one by one and, where the graph can, ``together``.

    Raises:
        ValueError: scores differ by more than ``SCORE_TOLERANCE``, or suppression keeps other boxes.
    """
    session, reference, worst = OnnxDetector(path), UAVGraph(detector), 0.0
    images = graph_input(pictures, session.size)
    batches = [images[row:row + 1] for row in range(len(images))]
    batches += [images] if together and not session.chooses else []
    for batch in batches:
        with torch.no_grad():
            expected = reference({INPUT: batch})
        boxes, scores = expected[BOXES], expected[SCORES]
        if session.chooses:
            found, known = session.run(batch)[0], choose_boxes(boxes[0], scores[0], settings)
            if len(found) != len(known):
                raise ValueError(f'the file is not written: its suppression keeps {len(found)} boxes of a picture, '
                                 f'PyTorch {len(known)}')
            pairs = ((found.bboxes, known.bboxes), (found.scores, known.scores))
        else:
            dense = session.dense(batch)
            pairs = ((dense[0], boxes), (dense[1], scores))
        apart, unlike = (_largest(*pair) for pair in pairs)
        if not unlike <= SCORE_TOLERANCE:
            raise ValueError(f'the file is not written: its scores differ from PyTorch by {unlike:.2g}, allowed are '
                             f'{SCORE_TOLERANCE:g}')
        worst = max(worst, apart) if apart == apart else float('nan')
    return worst


def _largest(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max()) if one.numel() else 0.0


def _about(cfg: Config, detector: UAVDetector, size: Size, nms: bool) -> dict[str, Any]:
    """The file's metadata."""
    meaning = MEANING_AFTER_NMS if nms else MEANING
    return dict(perception_kd=__version__, config=Path(cfg.filename or '').name, task='uav', size=list(size),
                classes=detector.head.num_classes, names=list(cfg.get('classes') or ()),
                inputs={INPUT: meaning[INPUT]}, outputs={name: text for name, text in meaning.items() if name != INPUT},
                suppression=dict(DEPLOYED) if nms else None)
