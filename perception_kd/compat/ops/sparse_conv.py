"""Sparse convolution by gather, matrix product and scatter, one kernel offset at a time.

The ops behind mmcv's ``SubMConv3d``, ``SparseConv3d``, ``SparseInverseConv3d`` and their kin (spconv 1, Yan et al.,
SECOND, Sensors 2018), on any device; weights are (*kernel, in, out). mmcv has CUDA kernels only.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def indice_conv_forward(
    features: Tensor, filters: Tensor, indice_pairs: Tensor, indice_pair_num: Tensor, num_activate_out: int,
    inverse: int, subm: int,
) -> Tensor:
    """Features of the output voxels.

    Args:
        features: (N, in).
        filters: (*kernel, in, out).
        indice_pairs, indice_pair_num: (K, 2, N) and (K,), see ``sparse_pairs``.
        num_activate_out: Output voxels M.
        inverse: 1: from the outputs of these pairs back to their inputs.
        subm: 1: the middle of an odd kernel joins every voxel to itself.

    Returns:
        (M, out).
    """
    weights = filters.flatten(0, -3)  # on the CPU index_add_ is twice as fast with int64, index_select with int32
    out = features.new_zeros(num_activate_out, weights.shape[-1])
    with _no_autocast(features):
        for k, source, target in _offsets(indice_pairs, indice_pair_num, inverse, subm):
            if source is None:
                out.addmm_(features, weights[k])
            else:
                out.index_add_(0, target.long(), features.index_select(0, source) @ weights[k])
    return out


def indice_conv_backward(
    features: Tensor, filters: Tensor, out_grad: Tensor, indice_pairs: Tensor, indice_pair_num: Tensor, inverse: int,
    subm: int,
) -> list[Tensor]:
    """Gradients of ``features`` (N, in) and ``filters`` from that of the output (M, out)."""
    weights = filters.flatten(0, -3)
    grad_features, grad_weights = torch.zeros_like(features), torch.zeros_like(weights)
    with _no_autocast(features):
        for k, source, target in _offsets(indice_pairs, indice_pair_num, inverse, subm):
            given = features if source is None else features.index_select(0, source)
            back = out_grad if target is None else out_grad.index_select(0, target)
            torch.mm(given.T, back, out=grad_weights[k])
            if source is None:
                grad_features.addmm_(back, weights[k].T)
            else:
                grad_features.index_add_(0, source.long(), back @ weights[k].T)
    return [grad_features, grad_weights.view_as(filters)]


def _no_autocast(features: Tensor) -> torch.autocast:
    """Compiled ops know no autocast: they take and give the type of their features."""
    return torch.autocast(features.device.type, enabled=False)


def _offsets(
    pairs: Tensor, number: Tensor, inverse: int, subm: int
) -> Iterator[tuple[int, Tensor | None, Tensor | None]]:
    """Kernel offset, input rows and output rows; None, None where every voxel meets itself."""
    middle = len(pairs) // 2 if subm and len(pairs) % 2 else -1
    for k, count in enumerate(number.tolist()):
        if k == middle:
            yield k, None, None
        elif count:
            yield k, pairs[k, int(inverse), :count], pairs[k, 1 - int(inverse), :count]


def scatter_nd(indices: Tensor, updates: Tensor, shape: list[int]) -> Tensor:
    """Rows of ``updates`` at ``indices`` (N, D) of a dense tensor of ``shape``, else 0.

    mmcv indexes with a list here, which torch warns of and means to stop taking for a tuple.
    """
    dense = updates.new_zeros(shape)
    dense[tuple(indices.unbind(-1))] = updates
    return dense
