"""A trained drone detector behind one call: whole pictures or tiles, in PyTorch or in onnxruntime."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.models import DetDataPreprocessor
from mmengine.config import Config
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch import nn

from perception_kd.engine.foreign_checkpoint import load_model_file
from perception_kd.export.student import load_student
from perception_kd.export.uav_graph import folded
from perception_kd.files import require_file
from perception_kd.inference.devices import check_device
from perception_kd.inference.uav.frames import Picture
from perception_kd.models.uav.detector import UAVDetector
from perception_kd.models.uav.sliced import SlicedDetector
from perception_kd.registry import TRANSFORMS
from perception_kd.stages import stage

GRAPH_SUFFIX = '.onnx'


class Found(NamedTuple):
    """Boxes ``(N, 4)`` xyxy px of the picture, scores ``(N,)`` and labels ``(N,)``, strongest first."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]

    def at(self, rows: NDArray) -> Found:
        """Those of some rows."""
        return Found(*(values[rows] for values in self))


@dataclass(frozen=True, kw_only=True)
class FindSettings:
    """How pictures are looked at.

    Args:
        score: Weaker boxes are left out.
        scores: The same for single classes, by name.
        nms: A box that overlaps a stronger one of its class by more (IoU) is left out.
        tile: Side of tiles, px; None: whole pictures, or as the config has it.
        overlap: Of tiles, see ``SlicedDetector``.
        full_pass: Whether tiles are joined by a look at the whole picture.
        floor: Boxes down to here are found all the same, for a tracker; None: none below the scores.

    Raises:
        ValueError: a number out of range.
    """

    score: float = 0.25
    scores: Mapping[str, float] | None = None
    nms: float = 0.45
    tile: int | None = None
    overlap: float = 0.2
    full_pass: bool = True
    floor: float | None = None

    def __post_init__(self) -> None:
        for value in (self.score, *(self.scores or {}).values()):
            if not 0 <= value <= 1:
                raise ValueError(f'--score lies in 0 to 1, got {value:g}')
        if not 0 <= self.nms <= 1:
            raise ValueError(f'--nms lies in 0 to 1, got {self.nms:g}')

    @property
    def least(self) -> float:
        """Score from which on a detector has to tell of a box."""
        return min([self.score, *(self.scores or {}).values(), *([] if self.floor is None else [self.floor])])

    def thresholds(self, classes: Sequence[str]) -> NDArray[np.float32]:
        """``(K,)`` least score of each class.

        Raises:
            ValueError: a score for a class that the model does not know.
        """
        unknown = sorted(set(self.scores or ()) - set(classes))
        if unknown:
            raise ValueError(f'--score {unknown[0]}=...: this model finds {", ".join(classes)}')
        return np.array([(self.scores or {}).get(name, self.score) for name in classes], np.float32)


class UAVPredictor:
    """Finds drones in single pictures.

    Args:
        detect: Picture ``(H, W, 3)`` BGR -> ``bboxes``, ``scores`` and ``labels`` in its px.
        classes: Names in label order.
        settings: How.
    """

    def __init__(self, detect: Callable[[Picture], InstanceData], classes: Sequence[str],
                 settings: FindSettings | None = None) -> None:
        self.detect, self.classes, self.settings = detect, tuple(classes), settings or FindSettings()
        self.thresholds = self.settings.thresholds(self.classes)

    def __call__(self, picture: Picture) -> Found:
        """What is in a picture, and strong enough or as strong as ``settings.floor``.

        Raises:
            ValueError: the model finds more classes than it has names.
        """
        found = self.detect(picture)
        boxes, scores, labels = (getattr(found, name).detach().cpu().numpy() for name in ('bboxes', 'scores', 'labels'))
        if len(labels) and labels.max() >= len(self.classes):
            raise ValueError(f'the model finds class {labels.max()}, and has names for {len(self.classes)}: set '
                             'classes in the config')
        floor = np.inf if self.settings.floor is None else self.settings.floor
        kept = (scores >= np.minimum(self.thresholds[labels], floor)) & np.isfinite(boxes).all(1)
        order = np.flatnonzero(kept)[np.argsort(-scores[kept], kind='stable')]
        return Found(boxes, scores, labels).at(order)

    def strong(self, found: Found) -> NDArray[np.bool_]:
        """``(N,)`` whether a box is as strong as its class needs."""
        return found.scores >= self.thresholds[found.labels]


def load_predictor(cfg: Config, weights: str | Path, *, settings: FindSettings | None = None, device: str = 'cpu'
                   ) -> UAVPredictor:
    """The detector of a config with trained weights.

    Args:
        cfg: Of a ``UAVDetector``, a ``SlicedDetector`` or a distiller with such a student.
        weights: Checkpoint of any of these, or an ONNX file of ``tools/export.py``.
        settings: How.
        device: ``cpu`` or ``cuda``; a graph runs on the CPU.

    Raises:
        FileNotFoundError, ValueError: no such file or device, or the weights are not of this model.
    """
    settings = settings or FindSettings()
    if require_file(weights, 'checkpoint').suffix == GRAPH_SUFFIX:
        if device != 'cpu':
            raise ValueError(f'{weights}: ONNX files run on the CPU here; leave out --device {device}')
        return UAVPredictor(_of_graph(weights, settings), _classes(cfg, None), settings)
    check_device(device)
    model, names = load_student(cfg, weights), load_model_file(weights)[1].classes
    detector = model.detector if isinstance(model, SlicedDetector) else model
    if isinstance(detector, UAVDetector):
        detector = folded(detector)
    if settings.tile is not None:
        model = _sliced(detector, settings.tile, settings)
    elif isinstance(model, SlicedDetector):
        model.detector = detector
    else:
        model = detector
    detector.test_cfg = replace(detector.test_cfg, score_thr=settings.least, nms_iou=settings.nms)
    model = model.to(device).eval()
    detect = model.detect if isinstance(model, SlicedDetector) else Whole(model, cfg)
    return UAVPredictor(detect, _classes(cfg, names), settings)


class Whole:
    """Shows a model whole pictures as its test pipeline does, less what reads files.

    Args:
        model: With ``test_step``.
        cfg: With ``test_dataloader``.

    Raises:
        ValueError: the config has no test pipeline.
    """

    def __init__(self, model: nn.Module, cfg: Config) -> None:
        loader = cfg.get('test_dataloader') or {}
        pipeline = (loader.get('dataset') or {}).get('pipeline')
        if not pipeline:
            raise ValueError(f'{cfg.filename}: test_dataloader has no pipeline, which says how the model sees pictures')
        kept = [one for one in pipeline if not str(one['type']).rpartition('.')[2].startswith('Load')]
        self.model, self.pipeline = model, Compose([TRANSFORMS.build(one) for one in kept])

    @torch.no_grad()
    def __call__(self, picture: Picture) -> InstanceData:
        """``bboxes`` xyxy px, ``scores``, ``labels`` of a picture ``(H, W, 3)`` BGR."""
        with stage('prepare'):
            shape = picture.shape[:2]
            packed = self.pipeline(dict(img=picture, img_id=0, img_path='', img_shape=shape, ori_shape=shape))
        sample = self.model.test_step({name: [value] for name, value in packed.items()})[0]
        return sample.pred_instances


def _of_graph(path: str | Path, settings: FindSettings) -> Callable[[Picture], InstanceData]:
    """What an ONNX file finds; of tiles, which are brought to its size.

    Raises:
        ValueError: the graph's own threshold is above what is asked for, or its pictures are no squares for tiles.
    """
    from perception_kd.export.uav_session import OnnxDetector

    graph = OnnxDetector(path)
    graph.test_cfg = replace(graph.test_cfg, score_thr=settings.least, nms_iou=settings.nms)
    if settings.tile is None:
        return graph.detect
    if graph.size[0] != graph.size[1]:
        raise ValueError(f'--slice: tiles are squares, and {path} takes pictures of {graph.size[1]}x{graph.size[0]}')
    as_graphs = DetDataPreprocessor(mean=[0, 0, 0], std=[1, 1, 1], bgr_to_rgb=True)  # RGB 0..255
    return _sliced(graph, settings.tile, settings, input_size=graph.size[0], data_preprocessor=as_graphs).eval().detect


def _sliced(detector: nn.Module, tile: int, settings: FindSettings, **more: Any) -> SlicedDetector:
    return SlicedDetector(detector=detector, tile=tile, overlap=settings.overlap, full_pass=settings.full_pass, **more)


def _classes(cfg: Config, trained: Sequence[str] | None) -> tuple[str, ...]:
    """Names of the checkpoint, else of the config.

    Raises:
        ValueError: neither has any.
    """
    names = trained or cfg.get('classes')
    if not names:
        raise ValueError(f'{cfg.filename} has no classes, nor has the checkpoint: set classes=("drone",)')
    return tuple(names)
