"""An exported drone detector at work in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import perception_kd.compat  # noqa: F401  # isort: skip
import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch import Tensor

from perception_kd.export.runtime import open_session
from perception_kd.export.uav_graph import BOXES, INPUT, LABELS, SCORES, as_images
from perception_kd.export.uav_pictures import letterboxed
from perception_kd.models.uav.postprocess import BoxSettings, choose_boxes, to_original
from perception_kd.registry import MODELS
from perception_kd.stages import stage

# Normalisation is in the graph; only the order of the colours is left.
PREPROCESSOR = dict(type='mmdet.DetDataPreprocessor', mean=[0, 0, 0], std=[1, 1, 1], bgr_to_rgb=True)


@MODELS.register_module()
class OnnxDetector(BaseModel):
    """Runs a drone detector's file of ``tools/export.py --format onnx`` on the CPU, as a ``UAVDetector`` is run.

    Args:
        path: The file.
        test_cfg: As of ``UAVDetector``; without effect on a file that was exported with its suppression inside.

    Attributes:
        meta: What the file says of itself: ``config``, ``inputs``, ``outputs``, ...
        size: Height and width of the pictures that it takes.
        classes: Their number.

    Raises:
        FileNotFoundError: No such file.
        ImportError: onnxruntime is not installed.
        ValueError: The file is no graph of a drone detector.
    """

    def __init__(self, path: str | Path, *, test_cfg: Mapping[str, Any] | None = None) -> None:
        super().__init__(data_preprocessor=dict(PREPROCESSOR))
        self.session, self.meta = open_session(path)
        if self.meta.get('task') != 'uav':
            raise ValueError(f'{path} is no graph of a drone detector: write one with tools/export.py --format onnx')
        self.size: tuple[int, int] = tuple(self.meta['size'])
        self.classes: int = self.meta['classes']
        self.test_cfg = BoxSettings(**(test_cfg or {}))
        self.chooses = LABELS in {one.name for one in self.session.get_outputs()}

    def forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None, mode: str = 'tensor') -> Any:
        """Mode ``predict``, as mmengine's models.

        Raises:
            NotImplementedError: another mode.
        """
        if mode != 'predict':
            raise NotImplementedError(f'an exported graph predicts only, it has no mode {mode!r}')
        return self.predict(inputs, data_samples)

    def predict(self, inputs: Tensor, data_samples: Sequence[Any], rescale: bool = True) -> list[Any]:
        """Fill ``pred_instances`` as ``UAVDetector.predict`` does.

        Args:
            inputs: ``(B, 3, H, W)`` RGB 0..255 of the graph's size.
            data_samples: With metainfo ``ori_shape`` and ``scale_factor``.
            rescale: Give px of the original pictures; False: of the graph's input.

        Raises:
            ValueError: pictures of another size.
        """
        for sample, found in zip(data_samples, self.run(inputs), strict=True):
            sample.pred_instances = to_original(found, sample.metainfo) if rescale else found
        return list(data_samples)

    def detect(self, picture: NDArray[np.uint8]) -> InstanceData:
        """Boxes of one picture ``(h, w, 3)`` BGR of any size, in its px: ``bboxes``, ``scores``, ``labels``."""
        frame, scale = letterboxed(picture, self.size)
        (found,) = self.run(as_images([torch.from_numpy(frame).permute(2, 0, 1)]))
        return to_original(found, dict(ori_shape=picture.shape[:2], scale_factor=scale))

    def run(self, images: Tensor) -> list[InstanceData]:
        """Boxes in px of the input, of pictures as the graph takes them."""
        if self.chooses:
            return [self._chosen(one[None]) for one in images]
        boxes, scores = self.dense(images)
        with stage('boxes'):
            return [choose_boxes(own, strength, self.test_cfg) for own, strength in zip(boxes, scores)]

    def dense(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, N, 4)`` boxes and ``(B, N, K)`` scores before any suppression.

        Raises:
            ValueError: the pictures have another size, or the file has its suppression inside.
        """
        if self.chooses:
            raise ValueError('this graph was exported with --nms: it gives chosen boxes only')
        boxes, scores = self._outputs(images, BOXES, SCORES)
        return boxes, scores

    def _chosen(self, image: Tensor) -> InstanceData:
        boxes, scores, labels = self._outputs(image, BOXES, SCORES, LABELS)
        return InstanceData(bboxes=boxes, scores=scores, labels=labels)

    def _outputs(self, images: Tensor, *names: str) -> list[Tensor]:
        if images.shape[1:] != (3, *self.size):
            height, width = self.size
            raise ValueError(f'the graph takes pictures of {width}x{height}, got {images.shape[3]}x{images.shape[2]}: '
                             f'give pictures of its size (image_size={height} for a square one), or export another')
        with stage('network'):
            return [torch.from_numpy(one) for one in self.session.run(list(names), {INPUT: images.numpy()})]
