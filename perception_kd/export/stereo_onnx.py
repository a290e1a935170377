"""A stereo matcher as one ONNX file of standard operators, held against PyTorch before it may exist."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from perception_kd.export.onnx_file import (
    OPSET,
    OnnxReport,
    check_opset,
    count_operators,
    onnx_package,
    save_if_equal,
    traced,
)
from perception_kd.export.stereo_graph import MEANING, OUTPUT, SIDES, Size, StereoGraph, check_size
from perception_kd.export.stereo_session import OnnxMatcher
from perception_kd.export.student import load_student
from perception_kd.files import check_file_target
from perception_kd.models.layers.fold import fold_batch_norms
from perception_kd.models.stereo.stereo_matcher import StereoMatcher
from perception_kd.version import __version__

SIZE = (256, 480)
TOLERANCE = 0.05  # px
PAIRS = 5


def export_stereo(cfg: Config, checkpoint: str | Path | None, out: str | Path, *, size: Size = SIZE,
                  max_disp: int | None = None, iterations: int | None = None, opset: int = OPSET,
                  optimise: bool = True) -> OnnxReport:
    """Write the matcher of ``checkpoint`` as ONNX, and keep the file only if onnxruntime agrees with PyTorch.

    The graph holds the normalisation and every iteration; batch normalisation is folded into convolutions.

    Args:
        cfg: Of a distiller or a matcher.
        checkpoint: Weights of either; None: as they are built.
        out: New file; replaced atomically.
        size: Height and width of the pictures, multiples of 32.
        max_disp, iterations: As of ``StereoGraph``.
        opset: Version of ONNX' operators.
        optimise: Fold constants and fuse operators.

    Raises:
        ImportError: ONNX' packages are missing.
        FileNotFoundError, ValueError: Config, checkpoint or numbers do not fit; the graph differs from PyTorch.
            ``out`` is then as it was.
    """
    onnx_package()
    check_file_target(out)
    check_size(size)
    check_opset(opset)
    matcher = load_student(cfg, checkpoint)
    if not isinstance(matcher, StereoMatcher):
        raise ValueError(f'config {cfg.filename} is of {type(matcher).__name__}, not of a stereo matcher')
    folded = copy.deepcopy(matcher)
    fold_batch_norms(folded)
    graph, reference = (StereoGraph(one, max_disp=max_disp, iterations=iterations) for one in (folded, matcher))
    example = smooth_pair(size, shift=graph.max_disp // 4, seed=0)
    proto, shapes = traced(graph, example, opset, optimise)
    operators = count_operators(proto)
    metadata = dict(
        perception_kd=__version__, config=Path(cfg.filename or '').name, task='stereo', size=list(size),
        max_disp=graph.max_disp, iterations=graph.iterations, inputs={side: MEANING[side] for side in SIDES},
        outputs={OUTPUT: MEANING[OUTPUT]})
    difference = save_if_equal(proto, out, metadata, tolerance=TOLERANCE, unit=' px',
                               difference=lambda path: largest_difference(reference, OnnxMatcher(path)))
    return OnnxReport(inputs={side: tuple(example[side].shape) for side in SIDES}, outputs=shapes,
                      operators=operators, difference=difference, unit=f'px, over {PAIRS} pairs',
                      parameters=sum(weight.numel() for weight in matcher.parameters()))


def largest_difference(reference: StereoGraph, graph: OnnxMatcher) -> float:
    """Largest difference of any pixel's disparity in px, over pairs of every shift up to the largest that is seen."""
    worst = 0.0
    for number in range(PAIRS):
        pair = smooth_pair(graph.size, shift=round(number * graph.max_disp / PAIRS), seed=number + 1)
        with torch.no_grad():
            expected = reference(pair)[OUTPUT]
        difference = float((graph.disparity(**pair) - expected).abs().max())
        worst = max(worst, difference) if difference == difference else float('nan')
    return worst


def smooth_pair(size: Size, *, shift: int, seed: int) -> dict[str, Tensor]:
    """A wall of smooth random texture ``shift`` px nearer than infinity: ``left`` and ``right``, ``(1, 3, H, W)``."""
    height, width = size
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.normal(size=(height // step + 2, (width + shift) // step + 2, 3)),
                         (width + shift, height), interpolation=cv2.INTER_CUBIC) for step in (4, 9, 25)]
    wall: Any = np.clip(128 + 40 * sum(layers), 0, 255).round().astype(np.float32)
    left, right = wall[:, :width], wall[:, shift:shift + width]
    return {side: torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
            for side, picture in zip(SIDES, (left, right))}
