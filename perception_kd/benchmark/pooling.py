"""BEV pooling: plain PyTorch against ours, ours against Triton's kernels where they run, in both forms.

The first form pools every frustum point; the second (RVT, of the radar-assisted view transform) sums frustums over
their height before, by lifting every point, or by a product of matrices as ours does: then pooling alone differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial

import torch
from torch import Tensor

from perception_kd.benchmark.pooling_inputs import PoolingCase, PoolingInputs
from perception_kd.benchmark.timing import Comparison, Report, compare
from perception_kd.kernels import FrustumPattern, kernels, use_kernels
from perception_kd.kernels.switch import Mode
from perception_kd.models.layers import BEVPoolPattern, CollapsedPattern, bev_pool, collapsed_pool

Plain = Callable[[bool], Tensor]
Ours = Callable[[Mode, bool], Tensor]
BAGS = 'matrix product, sum of bags'


def benchmark_pooling(case: PoolingCase, *, runs: int = 10, device: str = 'cpu',
                      reduction: str = 'mean') -> Report:
    """Time forward alone, and a step (forward and backward), each with the geometry's part prepared once
    ("fixed pattern") and made in every run ("rebuilt pattern"), as changing matrices force. Where Triton's kernels run
    (``use_kernels``), they are timed against the stock operators in columns of their own."""
    inputs = PoolingInputs.make(case, device)
    entries = _pattern(inputs, 'off').entries
    report = Report('pooling', dict(asdict(case), device=device, reduction=reduction,
                                    frustum_points=inputs.cell.numel(), matrix_entries=entries))
    forms = (('', ('lift + index_add', 'sparse-matrix product'), *_points(inputs, reduction)),
             ('RVT ', ('lift, sum over height, index_add', BAGS), *_columns(inputs, _lifted)),
             ('RVT pooling, ', ('matrix product, index_add', BAGS), *_columns(inputs, _multiplied)))
    for prefix, names, plain, ours in forms:
        triton = use_kernels(inputs.depth) and prefix != forms[-1][0]  # there it would be the second form's again
        report.columns.update((prefix + name, column)
                              for name, column in _compare(inputs, names, plain, ours, runs, triton))
    return report


def _compare(inputs: PoolingInputs, names: tuple[str, str], plain: Plain, ours: Ours,
             runs: int, triton: bool) -> Iterator[tuple[str, Comparison]]:
    def plain_work(rebuilt: bool, backward: bool) -> dict[str, Tensor]:
        return inputs.results(plain(rebuilt), backward)

    def our_work(mode: Mode, rebuilt: bool, backward: bool) -> dict[str, Tensor]:
        with kernels(mode):
            return inputs.results(ours(mode, rebuilt), backward)

    for rebuilt, backward in itertools.product((False, True), repeat=2):
        name = f'{"step" if backward else "forward"}, {"rebuilt" if rebuilt else "fixed"}'
        stock = names[1], partial(our_work, 'off', rebuilt, backward)
        yield f'{name} pattern', compare((names[0], partial(plain_work, rebuilt, backward)), stock, runs=runs)
        if triton:
            fused = 'Triton kernels', partial(our_work, 'always', rebuilt, backward)
            yield f'{name}, Triton', compare(stock, fused, runs=runs)


def _points(inputs: PoolingInputs, reduction: str) -> tuple[Plain, Ours]:
    """Every frustum point by itself."""
    place = [part.permute(0, 1, 4, 2, 3) for part in (inputs.cell, inputs.inside)]  # as depth: bin before pixel
    indices = inputs.rows(*place)
    fixed = {mode: _pattern(inputs, mode) for mode in ('off', 'always')[:1 + use_kernels(inputs.depth)]}

    def plain(rebuilt: bool) -> Tensor:
        rows, used, count = inputs.rows(*place) if rebuilt else indices
        lifted = (inputs.depth[:, :, None] * inputs.features[:, None]).permute(0, 1, 3, 4, 2)
        pooled = torch.zeros_like(inputs.weight).index_add(0, rows, lifted.flatten(0, 3)[used])
        return pooled / count.clamp(min=1)[:, None] if reduction == 'mean' else pooled

    def ours(mode: Mode, rebuilt: bool) -> Tensor:
        return bev_pool(inputs.depth, inputs.features, _pattern(inputs, mode) if rebuilt else fixed[mode],
                        reduction=reduction)

    return plain, ours


def _columns(inputs: PoolingInputs, summed: Callable[[Tensor, Tensor], Tensor]) -> tuple[Plain, Ours]:
    """Columns ``summed`` over their height; the middle row's points stand for them. Always their mean, as CRN's."""
    place = inputs.cell[:, :, inputs.cell.shape[2] // 2], inputs.inside.any(2)  # (B, N, W, D)
    valid = inputs.inside.flatten(0, 1).permute(0, 3, 1, 2).float()  # (B*N, D, H, W)
    indices, fixed = inputs.rows(*place), CollapsedPattern.build(*place, inputs.cells)

    def plain(rebuilt: bool) -> Tensor:
        rows, used, count = inputs.rows(*place) if rebuilt else indices
        columns = summed(inputs.depth * valid, inputs.features)
        return torch.zeros_like(inputs.weight).index_add(0, rows, columns[used]) / count.clamp(min=1)[:, None]

    def ours(mode: Mode, rebuilt: bool) -> Tensor:
        used = CollapsedPattern.build(*place, inputs.cells) if rebuilt else fixed
        return collapsed_pool(_multiplied(inputs.depth * valid, inputs.features), used)

    return plain, ours


def _lifted(depth: Tensor, features: Tensor) -> Tensor:
    """``(B*N, D, H, W)`` and ``(B*N, C, H, W)`` -> ``(B*N*W*D, C)``, by way of every point's feature."""
    lifted = depth[:, :, None] * features[:, None]  # (B*N, D, C, H, W)
    return lifted.sum(3).permute(0, 3, 1, 2).flatten(0, 2)


def _multiplied(depth: Tensor, features: Tensor) -> Tensor:
    """The same as a product of matrices, column by column."""
    return (depth.permute(0, 3, 1, 2) @ features.permute(0, 3, 2, 1)).flatten(0, 2)


def _pattern(inputs: PoolingInputs, mode: Mode) -> BEVPoolPattern | FrustumPattern:
    with kernels(mode):
        return BEVPoolPattern.build(inputs.cell, inputs.inside, inputs.cells)
