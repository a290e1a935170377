"""Dynamic scatter: points of one cell reduced to one row, with gradients.

mmcv has a CUDA kernel only; the results are the same up to the order of sums. On CUDA Triton's kernels do this where
they run (``perception_kd.kernels``), with sums in float32 of half precision, too.
"""

import torch
from torch import Tensor

from perception_kd.kernels import Segments, use_kernels

REDUCTIONS = ('sum', 'mean', 'max')


def dynamic_point_to_voxel_forward(
    feats: Tensor, coors: Tensor, reduce_type: str
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Reduce the points of every cell.

    Args:
        feats: (N, C).
        coors: (N, D) integers; a point with a negative coordinate belongs to no cell.
        reduce_type: ``sum``, ``mean`` or ``max``.

    Returns:
        Reduced (M, C); cells (M, D) in lexicographic order; per point the row of its cell or -1, (N,) int32;
        points per cell, (M,) int32.
    """
    _check(reduce_type)
    if not len(feats):
        return feats.clone(), coors.clone(), coors.new_empty(0, dtype=torch.int), coors.new_empty(0, dtype=torch.int)
    outside = (coors < 0).any(1)
    cells, row, count = _unique(coors.masked_fill(outside[:, None], -1))
    if bool(outside.any()):
        cells, row, count = cells[1:], row - 1, count[1:]
    if feats.is_floating_point() and use_kernels(feats):
        from perception_kd.kernels.segment_reduce import reduce_segments

        segments = Segments.sort(row, len(cells))  # a point outside has row -1
        return reduce_segments(feats, segments, reduce_type, feats.dtype), cells, segments.row.int(), count.int()
    used = ~outside
    target, source = row[used], feats[used]
    if reduce_type == 'max':
        index = target[:, None].expand_as(source)
        reduced = feats.new_full((len(cells), feats.shape[1]), -torch.inf).scatter_reduce_(0, index, source, 'amax')
    else:
        reduced = feats.new_zeros(len(cells), feats.shape[1]).index_add_(0, target, source)
        if reduce_type == 'mean':
            reduced /= count[:, None].to(feats.dtype)
    return reduced, cells, row.int(), count.int()


def dynamic_point_to_voxel_backward(
    grad_feats: Tensor,
    grad_reduced_feats: Tensor,
    feats: Tensor,
    reduced_feats: Tensor,
    coors_idx: Tensor,
    reduce_count: Tensor,
    reduce_type: str,
) -> None:
    """Write the gradient of the points (N, C) into ``grad_feats``.

    A maximum gives its gradient to one point, the first that has it. A point in no cell gets 0.
    """
    _check(reduce_type)
    if feats.is_floating_point() and use_kernels(feats):
        grad_feats.copy_(_kernel_gradient(grad_reduced_feats, feats, reduced_feats, coors_idx, reduce_type))
        return
    grad_feats.zero_()
    used = torch.nonzero(coors_idx >= 0)[:, 0]
    if not len(used):
        return
    row = coors_idx[used].long()
    if reduce_type == 'max':
        number = len(feats)
        holds = feats[used] == reduced_feats[row]
        point = torch.where(holds, used[:, None], number)
        first = torch.full_like(reduced_feats, number, dtype=torch.long)
        first.scatter_reduce_(0, row[:, None].expand_as(point), point, 'amin')
        cell, channel = torch.nonzero(first < number, as_tuple=True)
        grad_feats[first[cell, channel], channel] = grad_reduced_feats[cell, channel]
    elif reduce_type == 'mean':
        grad_feats[used] = (grad_reduced_feats / reduce_count[:, None].to(grad_feats.dtype))[row]
    else:
        grad_feats[used] = grad_reduced_feats[row]


def _kernel_gradient(grad: Tensor, feats: Tensor, reduced: Tensor, row: Tensor, reduce_type: str) -> Tensor:
    from perception_kd.kernels.segment_gradients import max_gradient, spread_gradient

    segments = Segments.sort(row, len(reduced))
    if reduce_type == 'max':
        return max_gradient(grad, feats, reduced, segments, first=True)
    return spread_gradient(grad, segments, divide=reduce_type == 'mean', dtype=feats.dtype)


def _unique(coors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows without repeats in lexicographic order, the row of every entry, and how often each occurs.

    Through one integer per row where it fits, which is many times faster than comparing rows.
    """
    low = coors.amin(0).long()
    extent = (coors.amax(0).long() - low + 1).tolist()
    total = 1
    for length in extent:
        total *= length
    if total >= 1 << 62:
        return torch.unique(coors, dim=0, return_inverse=True, return_counts=True)
    key = torch.zeros(len(coors), dtype=torch.long, device=coors.device)
    for axis, length in enumerate(extent):
        key = key * length + (coors[:, axis].long() - low[axis])
    keys, row, count = torch.unique(key, return_inverse=True, return_counts=True)
    cells = torch.empty(len(keys), coors.shape[1], dtype=coors.dtype, device=coors.device)
    for axis in range(coors.shape[1] - 1, -1, -1):
        cells[:, axis] = keys % extent[axis] + low[axis]
        keys = keys // extent[axis]
    return cells, row, count


def _check(reduce_type: str) -> None:
    if reduce_type not in REDUCTIONS:
        raise ValueError(f'dynamic scatter: reduce_type must be one of {", ".join(REDUCTIONS)}, got {reduce_type!r}')
