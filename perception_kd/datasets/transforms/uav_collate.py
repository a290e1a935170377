"""Batches of one size that changes from batch to batch."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor

from perception_kd.registry import FUNCTIONS


@FUNCTIONS.register_module(name='MultiScaleCollate')
def multi_scale_collate(batch: Sequence[dict[str, Any]], *, spread: float = 0.25, divisor: int = 32,
                        min_side: float = 1.0) -> dict[str, Any]:
    """Collate a batch and scale it, all samples alike.

    It is done here and not in a model's preprocessor, so that student and teachers read the same batch. The size
    follows from ``batch_draw`` of the first sample (:class:`PackPicture`); it is drawn from the multiples of
    ``divisor`` within ``spread`` of the batch's size at which no target of ``min_side`` px comes out smaller than that
    (the batch's own size, rounded to a multiple, is always one of them).

    Args:
        batch: Samples with ``inputs`` uint8 (3, S, S), all of one size, and ``data_samples``.
        spread: Greatest part by which the size changes; 0: it does not.
        divisor: Sizes are multiples of it, px.
        min_side: Least side of a target, px.

    Returns:
        ``inputs``, a list of uint8 (3, s, s), and ``data_samples`` with boxes, ``img_shape`` and ``scale_factor`` of
        that size.

    Raises:
        ValueError: pictures of different sizes, or a sample without ``batch_draw``.
    """
    if not spread:
        return pseudo_collate(batch)
    side = _side([one['inputs'] for one in batch])
    draw = batch[0]['data_samples'].metainfo.get('batch_draw')
    if draw is None:
        raise ValueError('MultiScaleCollate needs batch_draw of the samples: set draw=True of PackPicture')
    low = max(1 - spread, min_side / _smallest([one['data_samples'] for one in batch], min_side))
    sizes = [size for size in range(divisor, int(side * (1 + spread)) + 1, divisor) if size >= side * low]
    size = (sizes or [max(divisor, round(side / divisor) * divisor)])[int(draw * len(sizes))]
    return pseudo_collate([_scaled(one, size) for one in batch])


def _side(pictures: Sequence[Tensor]) -> int:
    shapes = {tuple(picture.shape[1:]) for picture in pictures}
    if len(shapes) != 1 or len(set(next(iter(shapes)))) != 1:
        raise ValueError('MultiScaleCollate needs squares of one size, as LetterBox makes them, got '
                         f'{", ".join(f"{h}x{w}" for h, w in sorted(shapes))}')
    return next(iter(shapes))[0]


def _smallest(samples: Sequence[Any], at_least: float) -> float:
    """Shorter side of the smallest target of a batch that has ``at_least`` px; infinity without any."""
    boxes = torch.cat([sample.gt_instances.bboxes.reshape(-1, 4) for sample in samples])
    sides = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1)
    sides = sides[sides >= at_least]
    return float(sides.min()) if len(sides) else float('inf')


def _scaled(one: dict[str, Any], size: int) -> dict[str, Any]:
    picture, sample = one['inputs'], one['data_samples']
    factor = size / picture.shape[1]
    if factor == 1:
        return one
    # Pixels are averaged when it shrinks, so that no target falls between them.
    mode = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(np.ascontiguousarray(picture.permute(1, 2, 0).numpy()), (size, size), interpolation=mode)
    for instances in (sample.gt_instances, sample.ignored_instances):
        if 'bboxes' in instances:
            instances.bboxes = instances.bboxes * factor
    scale = sample.metainfo.get('scale_factor', (1.0, 1.0))
    sample.set_metainfo(dict(img_shape=(size, size), scale_factor=tuple(value * factor for value in scale)))
    return {**one, 'inputs': torch.from_numpy(scaled).permute(2, 0, 1).contiguous()}
