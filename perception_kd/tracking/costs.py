"""How unlike two boxes are: 0 for equal ones. A tracker matches what is least unlike, up to a limit.

A cost takes tracks ``(M, 4)`` and boxes ``(N, 4)``, xyxy px, and gives ``(M, N)``. Its ``limits`` are what a tracker
allows at most unless told otherwise: for confident boxes, for boxes of low scores, and for tracks of a single box.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perception_kd.registry import TRACK_COSTS

Limits = tuple[float, float, float]


class Cost(Protocol):
    """What a tracker compares boxes with."""

    limits: Limits

    def __call__(self, tracks: NDArray, boxes: NDArray) -> NDArray:
        """``(M, 4)`` and ``(N, 4)`` xyxy px -> ``(M, N)``."""


@TRACK_COSTS.register_module(name='iou')
class IoU:
    """1 - intersection over union: 1 for all boxes that do not touch, however near.

    The limits are those of MMDetection's ByteTrack.
    """

    limits: Limits = (0.9, 0.5, 0.7)

    def __call__(self, tracks: NDArray, boxes: NDArray) -> NDArray:
        """``(M, 4)`` and ``(N, 4)`` xyxy px -> ``(M, N)`` of 0 to 1."""
        return 1 - box_iou(tracks, boxes)


@TRACK_COSTS.register_module(name='buffered_iou')
class BufferedIoU:
    """1 - IoU of boxes that are enlarged on each side (C-BIoU: Yang et al., WACV 2023), so that near ones touch.

    Args:
        buffer: Share of a box's width or height that is added on either side of it.
        least: Px that are added on either side at least: a share alone does nothing for a box of 5 px. Ours, not of
            the paper; 0 is the paper's.

    Raises:
        ValueError: a number below 0.
    """

    limits: Limits = (0.9, 0.8, 0.8)

    def __init__(self, *, buffer: float = 0.3, least: float = 8.0) -> None:
        if not (buffer >= 0 and least >= 0):
            raise ValueError(f'buffered_iou: buffer and least are 0 or more, got {buffer} and {least}')
        self.buffer, self.least = buffer, least

    def __call__(self, tracks: NDArray, boxes: NDArray) -> NDArray:
        """``(M, 4)`` and ``(N, 4)`` xyxy px -> ``(M, N)`` of 0 to 1."""
        return 1 - box_iou(self._enlarged(tracks), self._enlarged(boxes))

    def _enlarged(self, boxes: NDArray) -> NDArray:
        margin = np.maximum(self.buffer * (boxes[:, 2:] - boxes[:, :2]), self.least)
        return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)


@TRACK_COSTS.register_module(name='centre')
class CentreDistance:
    """Distance of the centres in sides: over the square root of the two boxes' mean area. Sizes do not count.

    Args:
        least: Side in px below which a box counts as this large.

    Raises:
        ValueError: ``least`` is not above 0.
    """

    limits: Limits = (4.0, 2.0, 3.0)

    def __init__(self, *, least: float = 4.0) -> None:
        if not least > 0:
            raise ValueError(f'centre: least is above 0, got {least}')
        self.least = least

    def __call__(self, tracks: NDArray, boxes: NDArray) -> NDArray:
        """``(M, 4)`` and ``(N, 4)`` xyxy px -> ``(M, N)``, 0 or more."""
        apart = _centres(tracks)[:, None] - _centres(boxes)[None]
        area = (_areas(tracks)[:, None] + _areas(boxes)[None]) / 2
        return np.linalg.norm(apart, axis=-1) / np.sqrt(np.maximum(area, self.least**2))


@TRACK_COSTS.register_module(name='nwd')
class NWD:
    """1 - normalised Wasserstein distance of boxes as Gaussians (Wang et al., arXiv 2110.13389).

    ``NWD = exp(-W / scale)`` with ``W`` the distance of two boxes' (cx, cy, w/2, h/2).

    Args:
        scale: Px; mean side of the targets. 12.8 is that of AI-TOD.

    Raises:
        ValueError: ``scale`` is not above 0.
    """

    limits: Limits = (0.9, 0.7, 0.8)

    def __init__(self, *, scale: float = 12.8) -> None:
        if not scale > 0:
            raise ValueError(f'nwd: scale is above 0, got {scale}')
        self.scale = scale

    def __call__(self, tracks: NDArray, boxes: NDArray) -> NDArray:
        """``(M, 4)`` and ``(N, 4)`` xyxy px -> ``(M, N)`` of 0 to 1."""
        one, other = (np.concatenate([_centres(part), (part[:, 2:] - part[:, :2]) / 2], axis=1)
                      for part in (tracks, boxes))
        return 1 - np.exp(-np.linalg.norm(one[:, None] - other[None], axis=-1) / self.scale)


def box_iou(ones: NDArray, others: NDArray) -> NDArray:
    """Intersection over union ``(M, N)`` of boxes xyxy; 0 for boxes without area."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    union = _areas(ones)[:, None] + _areas(others)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _areas(boxes: NDArray) -> NDArray:
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)


def _centres(boxes: NDArray) -> NDArray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2
