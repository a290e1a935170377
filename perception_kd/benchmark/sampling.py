"""Deformable sampling at the size of the R50 student: ``grid_sample`` against bags of weighted rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from perception_kd.benchmark.timing import Report, compare
from perception_kd.models.layers.deformable_attention import grid_sample
from perception_kd.models.layers.deformable_bags import bag_sample

CHANNELS, HEADS, MAPS, POINTS = 128, 4, 2, 4
REACH = 0.03  # of the width: standard deviation of how far a query looks


def add_sampling(report: Report, device: str, *, cells: int, runs: int) -> None:
    """Add the columns ``sampling`` (one frame, forward) and ``sampling, training`` (with the gradients)."""
    generator = torch.Generator().manual_seed(2)
    steps = (torch.arange(cells) + 0.5) / cells
    own = torch.stack(torch.meshgrid(steps, steps, indexing='xy'), -1).view(1, -1, 1, 1, 1, 2)
    shape = (1, cells**2, HEADS, MAPS, POINTS)
    places = own + REACH * torch.randn(*shape, 2, generator=generator)
    weights = torch.rand(shape, generator=generator)
    maps = torch.randn(MAPS, 1, CHANNELS, cells, cells, generator=generator)
    leaves = [one.to(device).requires_grad_() for one in (*maps, places, weights)]

    def forward(sample: Callable[..., Tensor]) -> dict[str, Tensor]:
        with torch.no_grad():
            return {'sum': sample(leaves[:MAPS], *leaves[MAPS:]).cpu()}

    def training(sample: Callable[..., Tensor]) -> dict[str, Tensor]:
        found = sample(leaves[:MAPS], *leaves[MAPS:])
        gradients = torch.autograd.grad(found.square().mean(), [*leaves[:MAPS], leaves[-1]])
        return {'sum': found.detach().cpu(), **{f'gradient {n}': one.cpu() for n, one in enumerate(gradients)}}

    for column, work in (('sampling', forward), ('sampling, training', training)):
        report.columns[column] = compare(('grid_sample', lambda work=work: work(grid_sample)),
                                         ('bags', lambda work=work: work(bag_sample)), runs=runs)
