"""Masks made of masks: products, linear functions, and masks drawn on other cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.masks.base import Mask, build_mask
from perception_kd.registry import MASKS


class _Several(Mask):
    """A mask made of several masks.

    Args:
        masks: Masks or their configs.
    """

    def __init__(self, *, masks: Sequence[dict | Mask]) -> None:
        if not masks:
            raise ValueError(f'{type(self).__name__} needs at least one mask')
        self.masks = [build_mask(mask) for mask in masks]
        self.student_taps = tuple(name for mask in self.masks for name in mask.student_taps)
        self.teacher_taps = tuple(name for mask in self.masks for name in mask.teacher_taps)
        self.needs_boxes = any(mask.needs_boxes for mask in self.masks)


@MASKS.register_module()
class Product(_Several):
    """Several masks multiplied."""

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)``."""
        product = self.masks[0](batch)
        for mask in self.masks[1:]:
            product = product * mask(batch)
        return product

    def __str__(self) -> str:
        return ' x '.join(map(str, self.masks))


@MASKS.register_module()
class AnyOf(_Several):
    """The largest of several masks: what counts for one of them counts."""

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)``."""
        return torch.stack([mask(batch) for mask in self.masks]).amax(dim=0)

    def __str__(self) -> str:
        return f'({" or ".join(map(str, self.masks))})'


class _Around(Mask):
    """A mask made of one other mask."""

    def __init__(self, mask: dict | Mask) -> None:
        self.mask = build_mask(mask)
        self.student_taps, self.teacher_taps = self.mask.student_taps, self.mask.teacher_taps
        self.needs_boxes = self.mask.needs_boxes


@MASKS.register_module()
class Affine(_Around):
    """``offset + gain * mask``: lets a mask modulate another one without switching it off.

    Args:
        mask: A mask or its config.
        gain, offset: Not negative, nor both 0.
    """

    def __init__(self, *, mask: dict | Mask, gain: float, offset: float = 0.0) -> None:
        super().__init__(mask)
        if gain < 0 or offset < 0 or gain + offset == 0:
            raise ValueError(f'Affine: gain and offset are not negative, nor both 0, got {gain} and {offset}')
        self.gain, self.offset = gain, offset

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)``."""
        return self.offset + self.gain * self.mask(batch)

    def __str__(self) -> str:
        return f'({self.offset:g} + {self.gain:g} {self.mask})'


@MASKS.register_module()
class OnCells(_Around):
    """A mask drawn with cells of its own and taken bilinearly to the pair's grid (LabelDistill's second scale).

    Args:
        mask: A mask or its config.
        cell: Metres; the area of the pair's grid is a whole number of such cells.
    """

    def __init__(self, *, mask: dict | Mask, cell: float) -> None:
        super().__init__(mask)
        self.cell = cell

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)`` on the pair's grid."""
        grid = batch.require_grid('OnCells')
        drawn = self.mask(batch.on(replace(grid, cell=self.cell)))
        return functional.interpolate(drawn, size=grid.shape, mode='bilinear', align_corners=False)

    def __str__(self) -> str:
        return f'{self.mask} at {self.cell:g} m'
