"""From dense outputs to boxes in the pixels of the original picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from perception_kd.models.layers.suppression import box_nms


@dataclass(frozen=True, kw_only=True)
class BoxSettings:
    """How boxes are chosen.

    Attributes:
        score_thr: Weaker boxes are dropped. 0.001 for metrics, 0.25 for deployment.
        nms_iou: A box that overlaps a stronger one of its class by more is dropped. 0.65 for metrics, 0.45 for
            deployment.
        max_per_img: Boxes of a picture.
        nms_pre: Strongest boxes that are looked at.
    """

    score_thr: float = 0.001
    nms_iou: float = 0.65
    max_per_img: int = 300
    nms_pre: int = 3000

    def __post_init__(self) -> None:
        if not (0 <= self.score_thr <= 1 and 0 <= self.nms_iou <= 1 and self.max_per_img > 0 and self.nms_pre > 0):
            raise ValueError(f'test_cfg: score_thr and nms_iou lie in [0, 1], counts are above 0; got {self}')


def flat_boxes(levels: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """All boxes ``(B, N, 4)``: level by level, then anchor, row and column."""
    return torch.cat([level['boxes'].float().permute(0, 1, 3, 4, 2).flatten(1, 3) for level in levels], 1)


def flat_scores(scores: Sequence[Tensor]) -> Tensor:
    """Probabilities ``(B, A, K, H, W)`` of the levels as ``(B, N, K)``, in the order of :func:`flat_boxes`."""
    return torch.cat([level.float().permute(0, 1, 3, 4, 2).flatten(1, 3) for level in scores], 1)


def choose_boxes(boxes: Tensor, scores: Tensor, settings: BoxSettings) -> InstanceData:
    """Boxes of one picture, strongest first.

    Args:
        boxes: ``(N, 4)``.
        scores: ``(N, K)``; a box may count for several classes. What is not finite is dropped.
        settings: How.

    Returns:
        ``bboxes`` (M, 4), ``scores`` (M,), ``labels`` (M,) int64.
    """
    good = (scores > settings.score_thr) & torch.isfinite(scores) & torch.isfinite(boxes).all(1, keepdim=True)
    place, label = torch.nonzero(good).unbind(1)
    strength = scores[place, label]
    order = strength.argsort(descending=True, stable=True)[:settings.nms_pre]
    place, label, strength = place[order], label[order], strength[order]
    kept = box_nms(boxes[place], strength, label, settings.nms_iou)[:settings.max_per_img]
    return InstanceData(bboxes=boxes[place[kept]], scores=strength[kept], labels=label[kept])


def to_original(found: InstanceData, meta: Mapping[str, Any]) -> InstanceData:
    """Boxes in px of the original picture, cut to it; those that have no area in it are dropped.

    Args:
        found: Of the network input, with ``bboxes``.
        meta: ``ori_shape`` (height, width); ``scale_factor`` (x, y), ``pad_param`` (top, bottom, left, right), where
            the picture was scaled or padded on its upper left.
    """
    boxes = found.bboxes
    top, _, left, _ = meta.get('pad_param') or (0, 0, 0, 0)
    boxes = boxes - boxes.new_tensor([left, top, left, top])
    boxes = boxes / boxes.new_tensor(tuple(meta.get('scale_factor') or (1.0, 1.0))[:2]).repeat(2)
    if meta.get('ori_shape') is not None:
        height, width = meta['ori_shape'][:2]
        boxes = torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height, width, height]))
    found.bboxes = boxes
    return found[(boxes[:, 2:] > boxes[:, :2]).all(1)]
