"""From the loader's pairs to the matcher's batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor
from torch.nn import functional

from perception_kd.registry import MODELS


class Padding(NamedTuple):
    """Pixels added on each side."""

    left: int
    right: int
    top: int
    bottom: int

    @classmethod
    def to_multiple(cls, height: int, width: int, divisor: int) -> Padding:
        """The least, split as by :meth:`to_size`."""
        return cls.to_size(height, width, (height + -height % divisor, width + -width % divisor))

    @classmethod
    def to_size(cls, height: int, width: int, size: tuple[int, int]) -> Padding:
        """Up to ``size`` (height, width), split on both sides, with the odd pixel on the right and at the bottom."""
        down, across = size[0] - height, size[1] - width
        return cls(across // 2, across - across // 2, down // 2, down - down // 2)

    def add(self, pictures: Tensor) -> Tensor:
        """``(B, C, H, W)`` with its border repeated."""
        return functional.pad(pictures, self, mode='replicate') if any(self) else pictures

    def remove(self, maps: Tensor) -> Tensor:
        """``(..., H, W)`` without it."""
        return maps[..., self.top:maps.shape[-2] - self.bottom, self.left:maps.shape[-1] - self.right]


@MODELS.register_module()
class StereoPreprocessor(BaseDataPreprocessor):
    """Stack, normalise and pad pairs; both pictures get the same padding, which leaves disparity as it is.

    Args:
        divisor: Height and width become multiples of it.
        mean, std: Of the RGB values 0..255, three numbers each (ImageNet's by default).
        non_blocking: Copy to the device without waiting.
    """

    def __init__(self, *, divisor: int = 32, mean: Sequence[float] = (123.675, 116.28, 103.53),
                 std: Sequence[float] = (58.395, 57.12, 57.375), non_blocking: bool = False) -> None:
        super().__init__(non_blocking=non_blocking)
        self.divisor = divisor
        self.register_buffer('mean', torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Args: ``data`` with ``inputs``: ``left`` and ``right``, lists of RGB ``(3, H, W)``, values 0..255.

        Returns:
            ``inputs``: ``left`` and ``right``, float ``(B, 3, H', W')``; ``data_samples`` on the same device, with
            ``pad`` (left, right, top, bottom) in their metainfo.

        Raises:
            ValueError: a picture is missing, or pictures differ in shape.
        """
        cast = self.cast_data({key: data.get(key) for key in ('inputs', 'data_samples')})
        left, right = (self._normalised(cast['inputs'], side) for side in ('left', 'right'))
        if left.shape != right.shape:
            raise ValueError(f'left and right pictures differ in size: {_size(left)} and {_size(right)}; '
                             'a rectified pair has one size')
        padding = Padding.to_multiple(*left.shape[-2:], self.divisor)
        for sample in cast['data_samples'] or ():
            sample.set_metainfo(dict(pad=tuple(padding)))
        return {'inputs': dict(left=padding.add(left), right=padding.add(right)),
                'data_samples': cast['data_samples']}

    def _normalised(self, inputs: dict, side: str) -> Tensor:
        if side not in inputs:
            raise ValueError(f"the matcher needs 'left' and 'right' in inputs, got {sorted(inputs)}")
        pictures = inputs[side]
        if not isinstance(pictures, Tensor):
            sizes = sorted({_size(picture) for picture in pictures})
            if len(sizes) != 1:
                raise ValueError(f'pictures of one batch differ in size: {", ".join(sizes)}; crop them alike, or use '
                                 'batches of one')
            pictures = torch.stack(list(pictures))
        return (pictures.float() - self.mean) / self.std


def _size(pictures: Tensor) -> str:
    return f'{pictures.shape[-1]}x{pictures.shape[-2]}'
