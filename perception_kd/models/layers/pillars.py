"""Pillars without a limit: every point's feature is reduced into its cell."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from perception_kd.kernels import Segments, use_kernels
from perception_kd.models.layers.export_forms import exporting

_REDUCE = {'max': 'amax', 'mean': 'mean', 'sum': 'sum'}


def pillar_scatter(features: Tensor, cell: Tensor, cells: int, *,
                   reduce: Literal['max', 'mean', 'sum'] = 'max') -> Tensor:
    """Reduce point features into cells; cells without a point are 0. On CUDA by Triton's kernels where they run.

    Args:
        features: ``(M, C)``; M may be 0.
        cell: ``(M,)`` int64, row of the result of every point.
        cells: Number of rows.
        reduce: ``max`` (ties share the gradient), ``mean`` or ``sum``.

    Returns:
        ``(cells, C)`` with the type of ``features``.
    """
    if reduce not in _REDUCE:
        raise ValueError(f'pillar_scatter: reduce is one of {sorted(_REDUCE)}, got {reduce!r}')
    if features.dim() != 2 or cell.shape != features.shape[:1]:
        raise ValueError(f'pillar_scatter: features (M, C) and cell (M,) expected, got '
                         f'{tuple(features.shape)} and {tuple(cell.shape)}')
    if features.is_floating_point() and not exporting() and use_kernels(features):
        from perception_kd.kernels.segment_pool import segment_pool

        return segment_pool(features, Segments.sort(cell, cells), reduction=reduce)
    out = features.new_zeros(cells, features.shape[1])
    index = cell[:, None].expand_as(features)
    return out.scatter_reduce(0, index, features, reduce=_REDUCE[reduce], include_self=False)


def pillar_scatter_reference(features: Tensor, cell: Tensor, cells: int, *, reduce: str = 'max') -> Tensor:
    """The same cell by cell."""
    rows = []
    for index in range(cells):
        mine = features[cell == index]
        if not len(mine):
            rows.append(features.new_zeros(features.shape[1]))
        elif reduce == 'max':
            rows.append(mine.amax(0))
        else:
            rows.append(mine.sum(0) if reduce == 'sum' else mine.mean(0))
    return torch.stack(rows)
