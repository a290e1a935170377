"""Which input voxel meets which output voxel under every offset of a sparse convolution's kernel.

In the form of mmcv's compiled ops: ``pairs`` (K, 2, N) int32, where ``pairs[k, 0, :num[k]]`` are rows of the input
and ``pairs[k, 1, :num[k]]`` rows of the output for kernel offset k (row-major), the rest -1. mmcv has CUDA kernels
only. Voxels are found by one integer a voxel, sorted: no table of the whole grid is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

# mmdet3d's residual blocks name no indice_key, so that mmcv asks anew for the pairs of each of their convolutions.
_submanifold_pairs = WeakIdKeyDictionary()


def get_indice_pairs_forward(
    indices: Tensor, batch_size: int, out_shape: Sequence[int], spatial_shape: Sequence[int], ksize: Sequence[int],
    stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], out_padding: Sequence[int], subm: int,
    transpose: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Output voxels and pairs of a convolution.

    Args:
        indices: (N, 1 + ndim) int32: sample, then cell (z, y, x); no voxel twice.
        batch_size: Samples; not looked at.
        out_shape, spatial_shape: Cells of output and input along every axis.
        ksize, stride, padding, dilation: Of the convolution along every axis.
        out_padding: Already in ``out_shape``.
        subm: 1 for a submanifold convolution: outputs where inputs are, stride 1, kernel centred.
        transpose: 1 for a transposed convolution.

    Returns:
        Output voxels (M, 1 + ndim) int32, sorted by sample and cell (``indices`` itself where submanifold), pairs
        (K, 2, N) int32, number of pairs (K,) int32.

    Raises:
        ValueError: A voxel outside the grid.
    """
    _check_inside(indices, spatial_shape)
    if subm:
        return indices, *_cached_submanifold(indices, spatial_shape, ksize, dilation)
    offsets = _offsets(ksize, dilation, indices.device)
    cells, valid = [], torch.ones(len(offsets), len(indices), dtype=torch.bool, device=indices.device)
    for axis, size in enumerate(out_shape):
        at, offset, step = indices[None, :, axis + 1].long(), offsets[:, axis, None], stride[axis]
        if transpose:
            cell = at * step - padding[axis] + offset
        else:
            shifted = at + padding[axis] - offset
            cell = torch.div(shifted, step, rounding_mode='floor')
            valid &= cell * step == shifted
        valid &= (cell >= 0) & (cell < size)
        cells.append(cell)
    offset, source = torch.nonzero(valid, as_tuple=True)
    keys = indices[source, 0].long()
    for cell, size in zip(cells, out_shape):
        keys = keys * size + cell[offset, source]
    keys, target = torch.unique(keys, return_inverse=True)
    return _voxels(keys, out_shape), *_padded(offset, source, target, len(offsets), len(indices))


def _cached_submanifold(
    indices: Tensor, shape: Sequence[int], ksize: Sequence[int], dilation: Sequence[int]
) -> tuple[Tensor, Tensor]:
    version = None if indices.is_inference() else indices._version  # changed in place: other voxels
    what = (version, tuple(shape), tuple(ksize), tuple(dilation))
    known = _submanifold_pairs.setdefault(indices, {})
    if what not in known:
        known[what] = _submanifold(indices, shape, ksize, dilation)
    return known[what]


def _submanifold(
    indices: Tensor, shape: Sequence[int], ksize: Sequence[int], dilation: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Pairs and their numbers. With an odd kernel the offsets of one half mirror those of the other."""
    reach = [step * (size // 2) for size, step in zip(ksize, dilation)]
    offsets = _offsets(ksize, dilation, indices.device) - torch.tensor(reach, device=indices.device)
    keys, steps = indices[:, 0].long(), torch.zeros_like(offsets[:, 0])
    for axis, (size, margin) in enumerate(zip(shape, reach)):
        padded = size + 2 * margin  # a step over the border lands in the margin, not in the next row
        keys, steps = keys * padded + indices[:, axis + 1] + margin, steps * padded + offsets[:, axis]
    keys, order = keys.sort()
    order = order.int()
    number, count = len(steps), len(indices)
    pairs = torch.full((number, 2, count), -1, dtype=torch.int32, device=indices.device)
    found = [0] * number
    mirrored = all(size % 2 for size in ksize)
    for k, step in enumerate(steps.tolist()[: number // 2 + 1 if mirrored else number]):
        wanted = keys + step
        place = torch.searchsorted(keys, wanted, out_int32=True).clamp_(max=max(count - 1, 0))
        target = torch.nonzero(keys[place] == wanted)[:, 0]
        source = order[place[target]]
        found[k] = len(target)
        pairs[k, 0, : found[k]], pairs[k, 1, : found[k]] = source, order[target]
        if mirrored:
            pairs[number - 1 - k, :, : found[k]] = pairs[k, :, : found[k]].flip(0)
            found[number - 1 - k] = found[k]
    return pairs, torch.tensor(found, dtype=torch.int32, device=indices.device)


def _offsets(ksize: Sequence[int], dilation: Sequence[int], device: torch.device) -> Tensor:
    """Cells from a kernel's first place to each of its places, (K, ndim) int64, row-major."""
    axes = [torch.arange(size, device=device) * step for size, step in zip(ksize, dilation)]
    return torch.stack(torch.meshgrid(*axes, indexing='ij'), dim=-1).flatten(0, -2)


def _voxels(keys: Tensor, shape: Sequence[int]) -> Tensor:
    """The reverse of the flat numbers: (M, 1 + ndim) int32."""
    columns = []
    for size in reversed(shape):
        columns.append(keys % size)
        keys = torch.div(keys, size, rounding_mode='floor')
    return torch.stack([keys, *reversed(columns)], dim=1).int()


def _padded(offset: Tensor, source: Tensor, target: Tensor, number: int, count: int) -> tuple[Tensor, Tensor]:
    """Pairs listed by offset -> the padded form and the number of pairs of each offset."""
    found = torch.bincount(offset, minlength=number)
    rank = torch.arange(len(offset), device=offset.device) - (found.cumsum(0) - found)[offset]
    pairs = torch.full((number, 2, count), -1, dtype=torch.int32, device=offset.device)
    pairs[offset, 0, rank], pairs[offset, 1, rank] = source.int(), target.int()
    return pairs, found.int()


def _check_inside(indices: Tensor, shape: Sequence[int]) -> None:
    if indices.dim() != 2 or indices.shape[1] != len(shape) + 1:
        raise ValueError(f'sparse convolution: indices must be (N, {len(shape) + 1}), got {tuple(indices.shape)}')
    limits = indices.new_tensor(shape)
    if prod(shape) <= 0 or bool(((indices[:, 1:] < 0) | (indices[:, 1:] >= limits)).any()):
        outside = int(((indices[:, 1:] < 0) | (indices[:, 1:] >= limits)).any(1).sum())
        raise ValueError(f'sparse convolution: {outside} of {len(indices)} voxels lie outside the grid of '
                         f'{list(shape)} cells; give the sparse shape that fits range and voxel size')
