"""Overlap of rotated boxes, and non-maximum suppression with it.

In the frame of one box, clamping points to that box maps everything outside onto its border, which has no
area. So the area that another polygon shares with the box is the area enclosed by the *clamped* outline of
that polygon, the integral of ``clamp(x) d clamp(y)``. It is continuous in the boxes: edges in common, corners
that touch and identical boxes need no special case, and a pair costs a few element-wise operations.
"""

import torch
from torch import Tensor

from perception_kd.compat.ops.nms import greedy_keep

SMALLEST_AREA = 1e-14
PAIRS_AT_ONCE = 1 << 14  # keeps the temporaries of one step in the processor's cache


def _corners_in_frame(boxes: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
    """x and y, each (4, P), of the counter-clockwise corners of ``boxes`` (P, 5) seen from ``frame``."""
    turn = boxes[:, 4] - frame[:, 4]
    cos, sin = torch.cos(turn), torch.sin(turn)
    half_w, half_h = boxes[:, 2] / 2, boxes[:, 3] / 2
    x = torch.stack([-half_w, half_w, half_w, -half_w])
    y = torch.stack([-half_h, -half_h, half_h, half_h])
    shift_x, shift_y = (boxes[:, :2] - frame[:, :2]).unbind(1)
    cos_f, sin_f = torch.cos(frame[:, 4]), torch.sin(frame[:, 4])
    centre_x, centre_y = cos_f * shift_x + sin_f * shift_y, cos_f * shift_y - sin_f * shift_x
    return cos * x - sin * y + centre_x, sin * x + cos * y + centre_y


def _crossings(start: Tensor, step: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Where along an edge (0..1) a coordinate reaches -half and half: the earlier, then the later."""
    safe = torch.where(step.abs() < 1e-30, torch.full_like(step, 1e-30), step)
    one, two = (-half - start) / safe, (half - start) / safe
    return torch.minimum(one, two).clamp(0, 1), torch.maximum(one, two).clamp(0, 1)


def intersection_areas(first: Tensor, second: Tensor) -> Tensor:
    """Shared area of box pairs.

    Args:
        first, second: (P, 5) float64 x y w h angle; radians, angle from the x axis towards the y axis.

    Returns:
        (P,) areas.
    """
    x, y = _corners_in_frame(first, second)
    step_x, step_y = x.roll(-1, 0) - x, y.roll(-1, 0) - y
    half_x, half_y = second[:, 2] / 2, second[:, 3] / 2
    early_x, late_x = _crossings(x, step_x, half_x)
    early_y, late_y = _crossings(y, step_y, half_y)
    # Between these four places, in order, both clamped coordinates are linear.
    low, high = torch.maximum(early_x, early_y), torch.minimum(late_x, late_y)
    places = [
        torch.zeros_like(x),
        torch.minimum(early_x, early_y),
        torch.minimum(low, high),
        torch.maximum(low, high),
        torch.maximum(late_x, late_y),
        torch.ones_like(x),
    ]
    clamped_x = [(x + t * step_x).clamp(-half_x, half_x) for t in places]
    clamped_y = [(y + t * step_y).clamp(-half_y, half_y) for t in places]
    pieces = [
        (clamped_x[i] + clamped_x[i + 1]) * (clamped_y[i + 1] - clamped_y[i]) for i in range(len(places) - 1)
    ]
    return (sum(pieces).sum(0) / 2).clamp(min=0)


def overlap_pairs(first: Tensor, second: Tensor, mode_flag: int = 0) -> Tensor:
    """Overlap of box pairs (P, >= 5): over the union (flag 0) or over the first box's area (flag 1), (P,)."""
    first, second = first[:, :5].double(), second[:, :5].double()
    area_first, area_second = first[:, 2] * first[:, 3], second[:, 2] * second[:, 3]
    shared = intersection_areas(first, second)
    shared = torch.minimum(shared, torch.minimum(area_first, area_second))
    base = area_first if mode_flag else area_first + area_second - shared
    empty = (area_first < SMALLEST_AREA) | (area_second < SMALLEST_AREA)
    return torch.where(empty, torch.zeros_like(base), shared / base)


def _overlap_matrix(first: Tensor, second: Tensor, mode_flag: int = 0) -> Tensor:
    """(A, 5), (B, 5) -> (A, B) float64; only pairs whose circumscribed circles meet are computed."""
    radius_first, radius_second = first[:, 2:4].norm(dim=1) / 2, second[:, 2:4].norm(dim=1) / 2
    distance = (first[:, None, :2] - second[:, :2]).norm(dim=2)
    rows, columns = torch.nonzero(distance < radius_first[:, None] + radius_second, as_tuple=True)
    matrix = torch.zeros(len(first), len(second), dtype=torch.float64, device=first.device)
    for row, column in zip(rows.split(PAIRS_AT_ONCE), columns.split(PAIRS_AT_ONCE)):
        matrix[row, column] = overlap_pairs(first[row], second[column], mode_flag)
    return matrix


def box_iou_rotated(
    boxes1: Tensor, boxes2: Tensor, ious: Tensor, mode_flag: int = 0, aligned: bool = False
) -> None:
    """Write overlaps of boxes (N, 5) and (M, 5) into ``ious``: (N,) if aligned, else (N * M,) row by row."""
    if aligned:
        ious.copy_(overlap_pairs(boxes1, boxes2, mode_flag))
    else:
        ious.copy_(_overlap_matrix(boxes1.double(), boxes2.double(), mode_flag).reshape(ious.shape))


def nms_rotated(
    dets: Tensor,
    scores: Tensor,
    order: Tensor,
    dets_sorted: Tensor,
    labels: Tensor,
    iou_threshold: float,
    multi_label: bool,
) -> Tensor:
    """Kept indices, by falling score, of rotated boxes (N, 5), or (N, 6) with a label if ``multi_label``.

    A box goes when its overlap with a better kept box reaches the threshold; boxes of different labels do not
    meet (as in the compiled CUDA op; the compiled CPU op ignores labels).
    """
    boxes = dets_sorted[:, :5].double()
    label = dets_sorted[:, 5] if multi_label else None

    def suppresses(first: Tensor, second: Tensor) -> Tensor:
        reached = _overlap_matrix(boxes[first], boxes[second]) >= iou_threshold
        return reached if label is None else reached & (label[first, None] == label[second])

    return order[greedy_keep(len(boxes), suppresses, boxes.device)]
