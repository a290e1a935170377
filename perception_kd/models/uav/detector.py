"""The drone detector: backbone, neck, head; it knows nothing of distillation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import perception_kd.compat  # noqa: F401  # isort: skip
import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from perception_kd.distill.nested import take_rows
from perception_kd.distill.taps import tap
from perception_kd.models.uav.postprocess import BoxSettings, choose_boxes, flat_boxes, flat_scores, to_original
from perception_kd.models.uav.targets import targets_of
from perception_kd.registry import MODELS
from perception_kd.stages import stage
from perception_kd.structures import TapSpec, annotated_rows

COARSEST = 32
PREPROCESSOR = dict(type='mmdet.DetDataPreprocessor', mean=[0, 0, 0], std=[255, 255, 255], bgr_to_rgb=True,
                    pad_size_divisor=COARSEST)
Level = dict[str, Tensor]


@MODELS.register_module()
class UAVDetector(BaseModel):
    """A detector of small drones in pictures: data samples and modes as mmdet's.

    Widths are written once, in the backbone: the neck is told the backbone's channels, the head the neck's channels
    and strides.

    Args:
        backbone: Config or module with ``out_channels``, for example ``CSPDarknetV5``.
        neck: Config of ``CBiPAFPN``.
        head: Config of ``AnchorYOLOHead`` or ``DistributionHead``.
        test_cfg: Settings of :class:`~perception_kd.models.uav.postprocess.BoxSettings`; those for metrics by
            default. For deployment: ``dict(score_thr=0.25, nms_iou=0.45)``.
        data_preprocessor, init_cfg: As in mmengine.
    """

    def __init__(self, *, backbone: dict | nn.Module, neck: dict | nn.Module, head: dict | nn.Module,
                 test_cfg: Mapping[str, Any] | None = None, data_preprocessor: dict | nn.Module | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor or dict(PREPROCESSOR), init_cfg=init_cfg)
        self.backbone = _built(backbone)
        self.neck = _built(neck, in_channels=self.backbone.out_channels)
        self.head = _built(head, in_channels=self.neck.out_channels, strides=self.neck.strides)
        self.test_cfg = BoxSettings(**(test_cfg or {}))
        self.to(memory_format=torch.channels_last)  # a step of training 5 to 15 % faster on a CPU

    def tap_specs(self) -> dict[str, TapSpec]:
        """The taps by name; each fires once in a forward pass, so a pass may end at the last one wanted."""
        levels = list(zip(self.neck.levels, self.neck.strides))
        specs = [TapSpec(f'backbone_p{level}', 'image', width, f'backbone at 1/{stride}, behind its attention',
                         stride=stride) for (level, stride), width in zip(levels, self.backbone.out_channels)]
        specs += [TapSpec(f'neck_n{level}', 'image', width, f'neck at 1/{stride}, what the head reads', stride=stride)
                  for (level, stride), width in zip(levels, self.neck.out_channels)]
        specs += [*self.backbone.tap_specs(), *self.neck.tap_specs()]
        specs.append(TapSpec('head', 'dense_head', self.head.num_classes, 'raw outputs of every level'))
        specs += [TapSpec(f'head_n{level}', 'dense_head', self.head.num_classes, f'raw outputs at 1/{stride} alone')
                  for level, stride in levels]
        return {spec.name: replace(spec, call='first') for spec in specs}

    def functions(self) -> dict[str, Callable]:
        """``head``: neck maps, fine to coarse -> dense head output; ``head_n3`` ...: one map -> that of its level."""
        single = {f'head_n{level}': partial(self._one_level, index) for index, level in enumerate(self.neck.levels)}
        return {'head': self.head, **single}

    def _one_level(self, index: int, x: Tensor) -> list[Level]:
        return [self.head.level(index, x)]

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor') -> Any:
        """As mmengine's models; ``inputs`` ``(B, 3, H, W)`` as the preprocessor gives them."""
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.raw(inputs)
        raise ValueError(f'mode {mode!r}: loss, predict or tensor')

    def raw(self, inputs: Tensor) -> list[Level]:
        """Dense head output, a dict a level, fine to coarse.

        Logits ``classes`` ``(B, A, K, H, W)``, ``boxes`` ``(B, A, 4, H, W)`` in px of the network input, and logits
        ``objectness`` ``(B, A, H, W)`` or ``edges`` ``(B, 1, 4, bins, H, W)``.

        Raises:
            ValueError: pictures of another number of channels, or whose sides are no multiples of 32.
        """
        self._check(inputs)
        with stage('backbone'):
            maps = [tap(f'backbone_p{level}', x) for level, x in zip(self.neck.levels, self.backbone(inputs))]
        with stage('neck'):
            maps = [tap(f'neck_n{level}', x) for level, x in zip(self.neck.levels, self.neck(maps))]
        with stage('head'):
            found = tap('head', self.head(maps))
            for level, own in zip(self.neck.levels, found):
                tap(f'head_n{level}', [own])
            return found

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """The head's losses over the annotated samples; 0 with gradient where there are none."""
        levels = self.raw(inputs)
        rows = annotated_rows(data_samples)
        kept = levels if len(rows) == len(data_samples) else take_rows(levels, rows or [0], len(data_samples))
        targets = targets_of([data_samples[row] for row in rows], size=tuple(inputs.shape[-2:]),
                             classes=self.head.num_classes, device=inputs.device)
        with torch.autocast(inputs.device.type, enabled=False):
            losses = self.head.loss(kept, targets)
        return losses if rows else {name: 0 * value for name, value in losses.items()}

    @torch.no_grad()
    def predict(self, inputs: Tensor, data_samples: Sequence[Any], rescale: bool = True) -> list[Any]:
        """Fill ``pred_instances``: ``bboxes`` x1 y1 x2 y2, ``scores``, ``labels``, strongest first.

        Args:
            inputs: ``(B, 3, H, W)``.
            data_samples: With metainfo ``ori_shape``, and ``scale_factor`` and ``pad_param`` where there are any.
            rescale: Give px of the original pictures; False: of the network input.
        """
        levels = self.raw(inputs)
        with stage('decode'):
            boxes, scores = flat_boxes(levels), flat_scores([self.head.scores(level) for level in levels])
            for sample, own, strength in zip(data_samples, boxes, scores, strict=True):
                found = choose_boxes(own, strength, self.test_cfg)
                sample.pred_instances = to_original(found, sample.metainfo) if rescale else found
        return list(data_samples)

    def _check(self, inputs: Tensor) -> None:
        wanted = self.backbone.in_channels
        if inputs.ndim != 4 or inputs.shape[1] != wanted:
            raise ValueError(f'the detector reads pictures (B, {wanted}, H, W), got {tuple(inputs.shape)}')
        if inputs.shape[-2] % COARSEST or inputs.shape[-1] % COARSEST:
            raise ValueError(f'both sides of the network input are multiples of {COARSEST}, got {inputs.shape[-1]}x'
                             f'{inputs.shape[-2]}; set pad_size_divisor={COARSEST} in the data preprocessor')


def _built(part: dict | nn.Module, **handed_on: Any) -> nn.Module:
    return part if isinstance(part, nn.Module) else MODELS.build({**part, **handed_on})
