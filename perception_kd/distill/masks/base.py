"""The interface of masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.class_maps import class_logits
from perception_kd.distill.parts import build_part
from perception_kd.registry import MASKS


class Mask:
    """A callable from a batch to weights ``(B, 1, ny, nx)``, not negative, on the batch's grid (or picture's cells)."""

    student_taps: tuple[str, ...] = ()
    """Student taps that the mask reads, so that the recorder keeps them."""

    teacher_taps: tuple[str, ...] = ()
    """Teacher taps (``teacher.tap``) that the mask reads, so that the teachers run as deep as it needs."""

    needs_boxes: bool = False
    """Whether the mask reads true boxes: its pair then leaves out samples without annotations."""

    def __call__(self, batch: DistillBatch) -> Tensor:
        """The weights."""
        raise TypeError(f'{type(self).__name__} does not say how it is computed')

    def __str__(self) -> str:
        return type(self).__name__


def build_mask(cfg: dict | str | Mask | None) -> Mask | None:
    """A mask from its config (see :func:`~perception_kd.distill.parts.build_part`); None and masks pass through."""
    return cfg if cfg is None or isinstance(cfg, Mask) else build_part(MASKS, cfg, 'mask')


def tap_logits(who: str, taps: Mapping[str, Any], name: str, batch: DistillBatch) -> Tensor:
    """Class logits ``(B, C, ...)`` of a tap that a mask reads: float32, without gradient.

    Args:
        who: Names the mask in messages.
        taps: ``batch.student_taps`` or ``batch.teacher_taps``.
        name: Of the tap.
        batch: Its grid, where it has one, has to be the tap's.

    Raises:
        ValueError: the tap has other places than the pair.
    """
    logits = class_logits(taps[name]).detach().float()
    if batch.grid is not None and tuple(logits.shape[-2:]) != batch.grid.shape:
        raise ValueError(
            f"{who}: tap '{name}' has shape {tuple(logits.shape)}, the pair's grid is {batch.grid.shape}; name the tap "
            'of that grid'
        )
    return logits


def check_classes(who: str, *logits: Tensor) -> None:
    """See that the taps that a mask compares have the same classes.

    Raises:
        ValueError: their numbers differ.
    """
    counts = [value.shape[1] for value in logits]
    if len(set(counts)) > 1:
        raise ValueError(f'{who}: the taps have {", ".join(map(str, counts))} classes; it compares class by class')
