"""From the loader's lists to the student's batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from perception_kd.registry import MODELS

STACKED = ('cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'depth_target', 'to_key')


@MODELS.register_module()
class CameraRadarPreprocessor(BaseDataPreprocessor):
    """Stack and normalise the images, stack the matrices, keep the radar clouds as a list.

    LiDAR points are not looked at unless asked for, so that a sample without them passes.

    Args:
        points: Keep the LiDAR clouds, for a detector with a ``lidar_encoder``.
        mean, std: Of the RGB values 0..255, three numbers each (ImageNet's by default).
        non_blocking: Copy to the device without waiting.
    """

    def __init__(self, *, points: bool = False, mean: Sequence[float] = (123.675, 116.28, 103.53),
                 std: Sequence[float] = (58.395, 57.12, 57.375), non_blocking: bool = False) -> None:
        super().__init__(non_blocking=non_blocking)
        self.clouds = ('radar', 'points') if points else ('radar',)
        self.register_buffer('mean', torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Args: ``data`` with ``inputs`` (dict of lists, one item a sample) and ``data_samples``.

        Returns:
            ``inputs``: ``img`` float ``(B, N, 3, H, W)``, matrices ``(B, ...)``, ``depth_target``
            ``(B, N, h, w)`` if there, ``radar`` a list of ``(M, 7)``, ``points`` a list of ``(P, 5)``; ``past``, where
            the loader gives it, a list of such dicts, newest first, each with ``to_key`` ``(B, 4, 4)``;
            ``data_samples`` on the same device.

        Raises:
            ValueError: an input is missing, or samples differ in shape.
        """
        known = {key: data['inputs'][key] for key in ('img', *self.clouds, *STACKED) if key in data['inputs']}
        if not known:
            names = ' or '.join(f"'{key}'" for key in ('img', *self.clouds))
            raise ValueError(f"the detector needs {names} in inputs, got {sorted(data['inputs'])}")
        cast = self.cast_data({'inputs': known, 'past': list(data['inputs'].get('past', ())),
                               'data_samples': data.get('data_samples')})
        inputs = self._frame(cast['inputs'])
        if cast['past']:
            inputs['past'] = [self._frame(past) for past in cast['past']]
        return {'inputs': inputs, 'data_samples': cast['data_samples']}

    def _frame(self, lists: Mapping[str, Any]) -> dict[str, Any]:
        """One frame's lists over samples, on the device, as a batch."""
        inputs = dict(lists)
        for key in STACKED:
            if key in inputs:
                inputs[key] = _stack(inputs[key], key).float()
        if 'img' in inputs:
            inputs['img'] = (_stack(inputs['img'], 'img').float() - self.mean) / self.std
        for key in self.clouds:
            if key in inputs:
                inputs[key] = list(inputs[key])
        return inputs


def _stack(items: Sequence[Tensor] | Tensor, key: str) -> Tensor:
    if isinstance(items, Tensor):
        return items
    shapes = {tuple(item.shape) for item in items}
    if len(shapes) != 1:
        raise ValueError(f"samples of one batch differ in the shape of '{key}': {sorted(shapes)}; "
                         'give all samples the same cameras and image size')
    return torch.stack(list(items))
