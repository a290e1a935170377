"""Which points are inside which upright 3D boxes.

A point is inside strictly between a box's sides, and from its bottom to its top included. ``part`` and ``all``
have no compiled CPU kernel, and mmcv's Python functions around them ask for a CUDA device; the functions of the
same names here take their place (see ``perception_kd.compat.mmcv_ext``).
"""

import torch
from torch import Tensor

POINTS_AT_ONCE, BOXES_AT_ONCE = 1 << 12, 8  # the temporaries of one step stay in the processor's cache


def _inside(points: Tensor, boxes: Tensor) -> Tensor:
    """(T, M) bool: is point (M, 3) in box (T, 7) x y z dx dy dz yaw, z at the bottom; in the boxes' dtype.

    The arithmetic is that of the compiled kernel: sums with a half in float64, then rounded.
    """
    points, half, yaw = points.to(boxes.dtype), boxes[:, 3:6] / 2, boxes[:, 6].double()
    middle = (boxes[:, 2].double() + boxes[:, 5].double() / 2).to(boxes.dtype)
    cos, sin = torch.cos(yaw).to(boxes.dtype), torch.sin(yaw).to(boxes.dtype)
    table = torch.stack([boxes[:, 0], boxes[:, 1], middle, *half.unbind(1), cos, sin])[:, :, None]
    found = torch.empty((len(boxes), len(points)), dtype=torch.bool, device=points.device)
    for column in range(0, len(points), POINTS_AT_ONCE):
        some = points[column : column + POINTS_AT_ONCE].T.contiguous()
        for row in range(0, len(boxes), BOXES_AT_ONCE):
            part = _inside_few(some, table[:, row : row + BOXES_AT_ONCE])
            found[row : row + BOXES_AT_ONCE, column : column + POINTS_AT_ONCE] = part
    return found


def _inside_few(points: Tensor, table: Tensor) -> Tensor:
    """(T, M) of points (3, M) and the boxes' centre, half sizes, cosine and sine (8, T, 1)."""
    x, y, z = points
    centre_x, centre_y, centre_z, half_x, half_y, half_z, cos, sin = table
    shift_x, shift_y = x - centre_x, y - centre_y
    along, across = shift_x * cos + shift_y * sin, shift_y * cos - shift_x * sin
    level = ~((z - centre_z).abs() > half_z)
    return level & (along.abs() < half_x) & (across.abs() < half_y)


def points_in_boxes_cpu_forward(boxes: Tensor, points: Tensor, indices: Tensor) -> None:
    """Write 1 or 0 for boxes (T, 7) and points (M, 3) into ``indices`` (T, M) int32."""
    indices.copy_(_inside(points, boxes))


def points_in_boxes_part_forward(boxes: Tensor, points: Tensor, box_idx_of_points: Tensor) -> None:
    """Write the first box that holds a point into (B, M) int32; other entries stay as they are."""
    for sample in range(len(boxes)):
        inside = _inside(points[sample], boxes[sample])
        for box in reversed(range(len(inside))):
            box_idx_of_points[sample].masked_fill_(inside[box], box)


def points_in_boxes_all_forward(boxes: Tensor, points: Tensor, box_idx_of_points: Tensor) -> None:
    """Write 1 for every box that holds a point into (B, M, T) int32; other entries stay as they are."""
    for sample in range(len(boxes)):
        box_idx_of_points[sample][_inside(points[sample], boxes[sample]).T] = 1


@torch.no_grad()
def points_in_boxes_part(points: Tensor, boxes: Tensor) -> Tensor:
    """Index of the first box that holds a point, -1 if none does.

    Args:
        points: (B, M, 3) x y z, metres.
        boxes: (B, T, 7) x y z dx dy dz yaw, metres and radians; z is the bottom.

    Returns:
        (B, M) int32.
    """
    _check(points, boxes)
    found = torch.full(points.shape[:2], -1, dtype=torch.int, device=points.device)
    points_in_boxes_part_forward(boxes, points, found)
    return found


@torch.no_grad()
def points_in_boxes_all(points: Tensor, boxes: Tensor) -> Tensor:
    """1 where a box holds a point, else 0: (B, M, T) int32. Arguments as in ``points_in_boxes_part``."""
    _check(points, boxes)
    found = torch.zeros((*points.shape[:2], boxes.shape[1]), dtype=torch.int, device=points.device)
    points_in_boxes_all_forward(boxes, points, found)
    return found


def _check(points: Tensor, boxes: Tensor) -> None:
    if points.dim() != 3 or boxes.dim() != 3 or len(points) != len(boxes) or points.shape[2] != 3 or (
            boxes.shape[2] != 7):
        raise ValueError(f'points in boxes: points must be (B, M, 3) and boxes (B, T, 7) of one batch size, '
                         f'got {tuple(points.shape)} and {tuple(boxes.shape)}')
    if points.device != boxes.device:
        raise ValueError(f'points in boxes: points are on {points.device}, boxes on {boxes.device}')
