"""What becomes of boxes when a picture is moved, scaled or cut: none is lost without account.

The rule, of every geometric transform of drone pictures: a target of which no pixel is left on the picture goes with
its box, and is counted (``left_picture``). One of which less than ``min_visible`` of the area is left, or less than
``min_side`` px of the shorter side, becomes *ignored*: it is neither a target that a network would have to guess nor
background that it would learn to overlook. All others stay targets, cut at the border. What was ignored stays ignored.

Boxes are (x1, y1, x2, y2) px of edges: pixel ``i`` reaches from ``i`` to ``i + 1``.
"""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet.structures.bbox import HorizontalBoxes

_ROUNDING = 1e-4  # px by which a box may miss min_side


@dataclass(frozen=True)
class BoxRule:
    """When a target stays a target.

    Args:
        min_side: Least visible side, px.
        min_visible: Least share of the area that is visible, 0 to 1.

    Raises:
        ValueError: a share or side that is none.
    """

    min_side: float = 1.0
    min_visible: float = 0.5

    def __post_init__(self) -> None:
        if self.min_side < 0 or not 0 <= self.min_visible <= 1:
            raise ValueError(f'min_side is at least 0 px and min_visible a share of 1, got {self.min_side} and '
                             f'{self.min_visible}')


def boxes_of(results: dict[str, Any]) -> np.ndarray:
    """Boxes of a sample, (N, 4) float64; without any, (0, 4)."""
    boxes = results.get('gt_bboxes', ())
    boxes = getattr(boxes, 'tensor', boxes)
    return np.array(boxes, np.float64).reshape(-1, 4)


def put_boxes(results: dict[str, Any], boxes: np.ndarray) -> None:
    """Make ``boxes`` (N, 4) those of the sample, as mmdet's transforms want them."""
    results['gt_bboxes'] = HorizontalBoxes(torch.from_numpy(np.ascontiguousarray(boxes, np.float32)))


def labels_of(results: dict[str, Any]) -> np.ndarray:
    """Labels (N,) int64."""
    return np.asarray(results.get('gt_bboxes_labels', ()), np.int64)


def ignored_of(results: dict[str, Any]) -> np.ndarray:
    """Which boxes are ignored, (N,) bool."""
    flags = results.get('gt_ignore_flags')
    return np.zeros(len(boxes_of(results)), bool) if flags is None else np.asarray(flags, bool)


def visible_of(results: dict[str, Any]) -> np.ndarray:
    """Share of each target that earlier cuts have left, (N,)."""
    shares = results.get('gt_visible')
    return np.ones(len(boxes_of(results))) if shares is None else np.asarray(shares, np.float64)


def cut(boxes: np.ndarray, window: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) inside of ``window`` (x1, y1, x2, y2), and the share (N,) of the area of each that is.

    A box outside, or without area, has share 0.
    """
    low, high = np.tile(window[:2], 2), np.tile(window[2:], 2)
    inside = np.clip(boxes, low, high)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = (inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1])
    return inside, np.divide(left, area, out=np.zeros(len(boxes)), where=area > 0)


def judge(boxes: np.ndarray, window: Sequence[float], shares: np.ndarray, rule: BoxRule) -> tuple[np.ndarray, ...]:
    """Apply the rule to whole boxes.

    Args:
        boxes: (N, 4), not cut yet.
        window: Of the picture, (x1, y1, x2, y2).
        shares: (N,) of each target that earlier cuts have left.
        rule: The rule.

    Returns:
        The cut boxes (N, 4), the share left of each (N,), and whether it stays a target (N,).
    """
    inside, share = cut(boxes, window)
    share = share * shares
    sides = np.minimum(inside[:, 2] - inside[:, 0], inside[:, 3] - inside[:, 1])
    return inside, share, (share >= rule.min_visible - 1e-6) & (sides >= rule.min_side - _ROUNDING) & (share > 0)


def settle(results: dict[str, Any], boxes: np.ndarray, window: Sequence[float], rule: BoxRule) -> None:
    """Give a sample its moved boxes, by the rule of this module.

    Args:
        results: Changed: ``gt_bboxes``, ``gt_bboxes_labels``, ``gt_ignore_flags``, ``gt_visible``, ``left_picture``.
        boxes: (N, 4), the sample's, moved and not cut.
        window: Of the picture, (x1, y1, x2, y2).
        rule: The rule.
    """
    inside, share, good = judge(boxes, window, visible_of(results), rule)
    ignored, labels, seen = ignored_of(results) | ~good, labels_of(results), share > 0
    put_boxes(results, inside[seen])
    results['gt_bboxes_labels'] = labels[seen]
    results['gt_ignore_flags'] = ignored[seen]
    results['gt_visible'] = share[seen].astype(np.float32)
    results['left_picture'] = results.get('left_picture', 0) + int((~seen).sum())


def smallest_target(results: dict[str, Any], at_least: float) -> float:
    """Shorter side in px of the smallest target that has ``at_least`` px; infinity without any."""
    boxes = boxes_of(results)[~ignored_of(results)]
    sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return float(np.min(sides, initial=np.inf, where=sides >= at_least))
