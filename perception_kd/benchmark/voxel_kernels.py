"""Voxelisation and dynamic scatter by Triton's kernels against their twins in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

import perception_kd.compat  # noqa: F401  isort: skip
from perception_kd.benchmark.timing import Report, Work, compare
from perception_kd.kernels import kernels
from perception_kd.kernels.switch import Mode

CHANNELS = 64  # of a pillar encoder


def add_voxel_kernels(report: Report, points: Tensor, size: Sequence[float], limits: Sequence[float],
                      caps: Mapping[str, tuple[int, int]], *, runs: int) -> None:
    """Add a column for each voxelisation, and one each for a step of dynamic scatter by mean and by maximum.

    Args:
        report: Gets the columns.
        points: ``(P, F)``, x y z first, metres, on the device.
        size, limits: Voxels and range, metres.
        caps: Points per voxel and voxels, by the name of the voxelisation.
        runs: Measured runs a side.
    """
    from mmcv.ops import voxelization

    for name, cap in caps.items():
        _add(report, name, lambda cap=cap: _listed(voxelization(points, size, limits, *cap)), runs)
    cells = voxelization(points, size, limits, -1, -1)
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(len(points), CHANNELS, generator=generator).to(points.device).requires_grad_()
    for reduction in ('mean', 'max'):
        _add(report, f'scatter step, {reduction}', lambda by=reduction: _scatter(features, cells, by), runs)


def _add(report: Report, name: str, work: Work, runs: int) -> None:
    sides = (('PyTorch', _in_mode('off', work)), ('Triton kernels', _in_mode('always', work)))
    report.columns[f'{name}, Triton'] = compare(*sides, runs=runs)


def _in_mode(mode: Mode, work: Work) -> Callable[[], Mapping[str, Tensor]]:
    def run() -> Mapping[str, Tensor]:
        with kernels(mode):
            return work()

    return run


def _listed(found: Tensor | tuple[Tensor, ...]) -> dict[str, Tensor]:
    found = found if isinstance(found, tuple) else (found,)
    return {str(number): part for number, part in enumerate(found)}


def _scatter(features: Tensor, cells: Tensor, reduction: str) -> dict[str, Tensor]:
    from mmcv.ops import dynamic_scatter

    reduced, found = dynamic_scatter(features, cells, reduction)
    gradient, = torch.autograd.grad(reduced.square().sum(), features)
    return {'reduced': reduced, 'cells': found, 'gradient': gradient}
