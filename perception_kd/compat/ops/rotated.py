"""Overlap of rotated boxes, and non-maximum suppression with it.

The area of the intersection of two convex polygons is half the sum of ``cross(p, q)`` over the pieces
p -> q of each polygon's edges that lie in the other one (Green's theorem). In the frame of one box the
other box's edges are clipped against two slabs, so that a pair costs a few element-wise operations.
"""

import torch
from torch import Tensor

from perception_kd.compat.ops.nms import greedy_keep

# An edge that both boxes share must count once: it counts when it belongs to the first box (clipped against a
# second box grown by this share of its size), not when it belongs to the second.
EDGE_MARGIN = 1e-7
SMALLEST_AREA = 1e-14
PAIRS_AT_ONCE = 1 << 15  # keeps the temporaries of one step in the processor's cache


def _corners(boxes: Tensor) -> Tensor:
    """(P, 5) x y w h angle -> (P, 4, 2) corners, counter-clockwise."""
    signs = boxes.new_tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    local = signs * boxes[:, None, 2:4] / 2
    return _rotate(local, boxes[:, 4]) + boxes[:, None, :2]


def _rotate(points: Tensor, angle: Tensor) -> Tensor:
    cos, sin = torch.cos(angle)[:, None], torch.sin(angle)[:, None]
    x, y = points.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], -1)


def _inside_sum(corners: Tensor, box: Tensor, margin: Tensor) -> Tensor:
    """Sum of cross(p, q) over the pieces of closed polygons (P, 4, 2) inside boxes (P, 5), (P,).

    The cross products are taken about the centre that both sides share (the origin).
    """
    local = _rotate(corners - box[:, None, :2], -box[:, 4])
    step = local.roll(-1, 1) - local
    half = (box[:, 2:4] / 2 + margin[:, None])[:, None]
    # Edges parallel to a slab divide by a tiny number and give +-huge bounds of the right sign.
    safe = torch.where(step.abs() < 1e-30, torch.full_like(step, 1e-30), step)
    one, two = (-half - local) / safe, (half - local) / safe
    begin = torch.minimum(one, two).amax(-1).clamp(min=0)
    end = torch.maximum(one, two).amin(-1).clamp(max=1)
    length = (end - begin).clamp(min=0)
    # cross(c + b s, c + e s) = (e - b) cross(c, s) in the shared frame, with s the whole edge.
    edge = corners.roll(-1, 1) - corners
    return (length * (corners[..., 0] * edge[..., 1] - corners[..., 1] * edge[..., 0])).sum(1)


def intersection_areas(first: Tensor, second: Tensor) -> Tensor:
    """Shared area of box pairs.

    Args:
        first, second: (P, 5) float64 x y w h angle; radians, angle from the x axis towards the y axis.

    Returns:
        (P,) areas.
    """
    middle = (first[:, :2] + second[:, :2]) / 2
    first = torch.cat([first[:, :2] - middle, first[:, 2:5]], 1)
    second = torch.cat([second[:, :2] - middle, second[:, 2:5]], 1)
    margin = EDGE_MARGIN * torch.minimum(first[:, 2:4].amin(1), second[:, 2:4].amin(1))
    total = _inside_sum(_corners(first), second, margin) + _inside_sum(_corners(second), first, -margin)
    return (total / 2).clamp(min=0)


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
