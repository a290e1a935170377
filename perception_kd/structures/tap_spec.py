"""What a model says about one of its taps before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perception_kd.structures.bev_grid import BEVGrid

TapKind = Literal['bev', 'image', 'head', 'vector', 'volume', 'dense_head']


@dataclass(frozen=True)
class TapSpec:
    """Declaration of a tap.

    Args:
        name: Unique within its model. BEV taps of teachers are named by cell size: ``bev_s8``: 0.8 m.
        kind: ``bev`` ``(B, C, ny, nx)``; ``image`` ``(B*N, C, H, W)``; ``head``: CenterHead's raw outputs, a
            list over tasks of ``{'heatmap', 'reg', 'height', 'dim', 'rot', 'vel'}`` maps; ``vector``
            ``(B, C)``; ``volume`` ``(B, C, D, H, W)``; ``dense_head``: raw outputs of a 2D detector, a list over
            levels of ``classes`` ``(B, A, K, H, W)`` and ``boxes`` ``(B, A, 4, H, W)``, with ``objectness``
            ``(B, A, H, W)`` or ``edges`` ``(B, A, 4, bins, H, W)`` where there are any.
        channels: Channel count, None where it has no single one (``head``: the channels of all heatmaps;
            ``dense_head``: K).
        about: One line for people.
        grid: The BEV grid of ``bev`` and ``head`` taps.
        stride: Down-sampling to the input image of ``image`` taps.
        call: Which firing of the tap in one step counts: ``last``, ``first``, an index, or ``all`` (a list).
        needs_boxes: Whether the value is made from annotations: pairs that read it leave out samples without.
    """

    name: str
    kind: TapKind
    channels: int | None
    about: str
    grid: BEVGrid | None = None
    stride: int | None = None
    call: int | Literal['last', 'first', 'all'] = 'last'
    needs_boxes: bool = False

    def __str__(self) -> str:
        where = f'{self.grid.ny}x{self.grid.nx} at {self.grid.cell:g} m' if self.grid else (
            f'stride {self.stride}' if self.stride else 'no grid')
        return f'{self.name} ({self.kind}, {self.channels} channels, {where})'
