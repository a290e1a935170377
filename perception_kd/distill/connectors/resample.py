"""From one BEV grid to another, by metric coordinates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.distill.connectors.base import Connector
from perception_kd.registry import CONNECTORS
from perception_kd.structures import BEVGrid, TapSpec


@CONNECTORS.register_module()
class BEVResample(Connector):
    """Sample a map on ``source`` at the cell centres of ``target``.

    Both grids are in the same frame. Target cells whose centre lies outside the source grid get 0 and are
    left out of the pair's mask. Going to much coarser cells, bilinear sampling skips cells: ``area`` averages
    whole blocks instead, where the grids nest.

    Args:
        source, target: Grids in metres.
        mode: ``bilinear``, ``nearest`` or ``area``.
    """

    def __init__(
        self, *, source: BEVGrid, target: BEVGrid, mode: Literal['bilinear', 'nearest', 'area'] = 'bilinear'
    ) -> None:
        super().__init__()
        if mode not in ('bilinear', 'nearest', 'area'):
            raise ValueError(f"BEVResample: mode is 'bilinear', 'nearest' or 'area', got '{mode}'")
        self.target, self.mode, self.factor = target, mode, _block(source, target) if mode == 'area' else 1
        places = _normalised_centres(source, target)
        covered = (places.abs() <= 1 + 1e-6).all(dim=-1)
        self.register_buffer('places', places[None], persistent=False)
        self.register_buffer('covered', covered[None, None].float(), persistent=False)

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """Both grids."""
        if source.grid is None or target.grid is None or source.kind != 'bev':
            raise ValueError(
                f'BEVResample needs a BEV map and a target with a grid, got {source} and {target}'
            )
        return dict(source=source.grid, target=target.grid)

    def result(self, source: TapSpec) -> TapSpec:
        """The same channels on the target grid."""
        return replace(source, grid=self.target)

    def inside(self) -> Tensor | None:
        """Cells whose centre lies on the source grid; None where that is all of them."""
        return None if bool(self.covered.all()) else self.covered

    def forward(self, value: Tensor) -> Tensor:
        """``(B, C, ny_source, nx_source)`` to ``(B, C, ny_target, nx_target)``."""
        if self.mode == 'area':
            return functional.avg_pool2d(value, self.factor)
        places = self.places.to(value.dtype).expand(len(value), -1, -1, -1)
        sampled = functional.grid_sample(
            value, places, mode=self.mode, padding_mode='border', align_corners=False
        )
        return sampled * self.covered.to(value.dtype)


def _normalised_centres(source: BEVGrid, target: BEVGrid) -> Tensor:
    """Target centres in the source's [-1, 1] coordinates (borders at -1 and 1), ``(ny, nx, 2)``."""
    centres = target.centres(dtype=torch.float64)
    low = centres.new_tensor([source.x_min, source.y_min])
    size = centres.new_tensor([source.x_max - source.x_min, source.y_max - source.y_min])
    return (2 * (centres - low) / size - 1).float()


def _block(source: BEVGrid, target: BEVGrid) -> int:
    factor = round(target.cell / source.cell)
    if factor < 1 or not source.coarser(factor).same_as(target):
        raise ValueError(
            f"BEVResample(mode='area') needs the same area and whole blocks of cells, got {source} "
            f'and {target}'
        )
    return factor
