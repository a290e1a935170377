"""Overlap of rotated boxes, and non-maximum suppression with it.

In the frame of one box, clamping points to that box maps everything outside onto its border, which has no
area. So the area that another polygon shares with the box is the area enclosed by the *clamped* outline of
that polygon, the integral of ``clamp(x) d clamp(y)``. It is continuous in the boxes: edges in common, corners
that touch and identical boxes need no special case, and a pair costs a few element-wise operations.

Results equal those of the compiled ops of mmcv 2.1.0 to float32 accuracy, but where theirs are wrong: the
compiled kernels order the corners of the shared area in float32 with a fixed tolerance, and lose some of them
where edges coincide or boxes are smaller than some centimetres (a box and itself turned by pi/2 reach up to 3).
"""

import torch
from torch import Tensor

from perception_kd.compat.ops.nms import by_falling_score, greedy_keep

SMALLEST_AREA = 1e-14
PAIRS_AT_ONCE = 1 << 12  # the temporaries of one step stay in the processor's cache
FLAT = 1e-7  # an edge that moves less than this part of the box across it is taken as parallel


class RotatedBoxes:
    """Boxes prepared for overlaps by index.

    Args:
        boxes: (N, >= 5) x y w h angle; radians, from the x axis towards the y axis.
    """

    def __init__(self, boxes: Tensor) -> None:
        x, y, w, h, angle = boxes[:, :5].double().unbind(1)
        self.area = w * h  # below 0 with one negative side, as in the compiled op: such a box overlaps nothing
        half_w, half_h, cos, sin = w.abs() / 2, h.abs() / 2, torch.cos(angle), torch.sin(angle)
        self.table = torch.stack([x, y, half_w, half_h, cos, sin])
        reach = torch.stack([half_w * cos.abs() + half_h * sin.abs(), half_w * sin.abs() + half_h * cos.abs()])
        self.low, self.high = torch.stack([x, y]) - reach, torch.stack([x, y]) + reach

    def largest_shared(self, first: Tensor, other: 'RotatedBoxes', second: Tensor) -> Tensor:
        """(A, B) upper bound of the shared area, from the upright boxes around both."""
        sides = [torch.minimum(self.high[axis, first, None], other.high[axis, second])
                 - torch.maximum(self.low[axis, first, None], other.low[axis, second]) for axis in (0, 1)]
        return sides[0].clamp_(min=0).mul_(sides[1].clamp_(min=0))


def shared_areas(first: Tensor, second: Tensor) -> Tensor:
    """Shared area of box pairs, (P,), from columns of ``RotatedBoxes.table``: (6, P) each."""
    x, y, half_w, half_h, cos_first, sin_first = first
    centre_x, centre_y, half_x, half_y, cos, sin = second
    turn_cos, turn_sin = cos * cos_first + sin * sin_first, cos * sin_first - sin * cos_first
    shift_x, shift_y = x - centre_x, y - centre_y
    x, y = cos * shift_x + sin * shift_y, cos * shift_y - sin * shift_x
    along_x, along_y = half_w * turn_cos, half_w * turn_sin  # half edges, seen from the second box
    across_x, across_y = -half_h * turn_sin, half_h * turn_cos
    corner_x = x + torch.stack([-along_x - across_x, along_x - across_x, along_x + across_x, across_x - along_x])
    corner_y = y + torch.stack([-along_y - across_y, along_y - across_y, along_y + across_y, across_y - along_y])
    step_x = 2 * torch.stack([along_x, across_x, -along_x, -across_x])
    step_y = 2 * torch.stack([along_y, across_y, -along_y, -across_y])
    return _enclosed(corner_x, corner_y, step_x, step_y, half_x, half_y)


def _enclosed(x: Tensor, y: Tensor, step_x: Tensor, step_y: Tensor, half_x: Tensor, half_y: Tensor) -> Tensor:
    """Area enclosed by outlines clamped to +-half: corners (4, P) and the steps to the next ones."""
    begin, end = torch.clamp(y, -half_y, half_y), torch.clamp(y + step_y, -half_y, half_y)
    inverse = torch.where(step_y.abs() < 1e-30, torch.full_like(step_y, 1e30), step_y.reciprocal())
    begin_x = x + step_x * ((begin - y) * inverse).clamp_(0, 1)
    end_x = x + step_x * ((end - y) * inverse).clamp_(0, 1)
    return ((end - begin) * _mean_clamped(begin_x, end_x, half_x)).sum(0).clamp_(min=0)


def _mean_clamped(begin: Tensor, end: Tensor, half: Tensor) -> Tensor:
    """Mean of ``clamp(t, -half, half)`` for t from ``begin`` to ``end``, through its antiderivative."""
    low, high = torch.clamp(begin, -half, half), torch.clamp(end, -half, half)
    width = end - begin
    rise = high * (end - high / 2) - low * (begin - low / 2)
    return torch.where(width.abs() > FLAT * half, rise / width, (low + high) / 2)


def _overlaps(one: RotatedBoxes, other: RotatedBoxes, first: Tensor, second: Tensor, mode_flag: int = 0) -> Tensor:
    """Overlap of pairs, by index (P,): over the union (flag 0) or over the first box's area (flag 1).

    0 where a box has no area, or a number that is not finite.
    """
    parts = [_some_overlaps(one, other, a, b, mode_flag)
             for a, b in zip(first.split(PAIRS_AT_ONCE), second.split(PAIRS_AT_ONCE))]
    return torch.cat(parts) if parts else one.area.new_zeros(0)


def _some_overlaps(one: RotatedBoxes, other: RotatedBoxes, first: Tensor, second: Tensor, mode_flag: int) -> Tensor:
    area_first, area_second = one.area[first], other.area[second]
    shared = shared_areas(one.table.index_select(1, first), other.table.index_select(1, second))
    shared = torch.minimum(shared, torch.minimum(area_first, area_second))
    overlap = shared / (area_first if mode_flag else area_first + area_second - shared)
    valid = (area_first >= SMALLEST_AREA) & (area_second >= SMALLEST_AREA) & overlap.isfinite()
    return torch.where(valid, overlap, torch.zeros_like(overlap))


def box_iou_rotated(
    boxes1: Tensor, boxes2: Tensor, ious: Tensor, mode_flag: int = 0, aligned: bool = False
) -> None:
    """Write overlaps of boxes (N, 5) and (M, 5) into ``ious``: (N,) if aligned, else (N * M,) row by row.

    Overlaps are over the union (``mode_flag`` 0) or over the first box's area (1).
    """
    one, other = RotatedBoxes(boxes1), RotatedBoxes(boxes2)
    rows, columns = torch.arange(len(boxes1), device=ious.device), torch.arange(len(boxes2), device=ious.device)
    if aligned:
        ious.copy_(_overlaps(one, other, rows, rows, mode_flag))
        return
    first, second = torch.nonzero(one.largest_shared(rows, other, columns) > 0, as_tuple=True)
    ious.zero_()
    ious[first * len(boxes2) + second] = _overlaps(one, other, first, second, mode_flag).to(ious.dtype)


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

    A box goes when its overlap with a better kept box *reaches* the threshold (the compiled CPU op's rule). Boxes
    of different labels do meet: the compiled ops of mmcv 2.1.0, CPU and CUDA, take labels and never compare them.
    """
    chosen = by_falling_score(scores)
    boxes = RotatedBoxes(dets[chosen])
    # An overlap of t needs a shared area of t / (1 + t) of both areas together; a little less, to be safe.
    threshold = max(0.0, iou_threshold)
    needed = boxes.area * (threshold / (1 + threshold) * (1 - 1e-6))

    def suppresses(first: Tensor, second: Tensor) -> Tensor:
        unlikely = boxes.largest_shared(first, boxes, second) < needed[first, None] + needed[second]
        rows, columns = torch.nonzero((first[:, None] < second).masked_fill_(unlikely, False), as_tuple=True)
        overlap = _overlaps(boxes, boxes, first[rows], second[columns])
        gone = torch.zeros_like(unlikely)
        gone[rows, columns] = overlap.float() >= iou_threshold  # compared in float32, as there
        return gone

    return chosen[greedy_keep(len(boxes.area), suppresses, scores.device)]
