"""The convolutional trunk on the fused BEV map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from perception_kd.distill.taps import tap
from perception_kd.models.layers import conv
from perception_kd.models.layers.plane_layers import plane_layers
from perception_kd.registry import MODELS
from perception_kd.structures import BEVGrid, TapSpec


class TappedTrunk(BaseModule):
    """A trunk whose stages are taps, named by the size of their cells: ``trunk_s16`` has cells of 1.6 m.

    Args:
        cell: Of the trunk's input in metres; None: the stages are no taps.
        stages: ``(cells of the input to a cell of the stage, channels)`` of each stage.
    """

    def __init__(self, *, cell: float | None, stages: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.cell, self.stage_shapes = cell, tuple(stages)

    def tap_specs(self, grid: BEVGrid) -> list[TapSpec]:
        """Declarations of the stages' taps; ``grid`` is that of the input."""
        if self.cell is None:
            return []
        return [TapSpec(self._name(factor), 'bev', channels, f'stage {number} of the trunk', grid=grid.coarser(factor))
                for number, (factor, channels) in enumerate(self.stage_shapes, 1)]

    def _mark(self, index: int, value: Tensor) -> Tensor:
        """The output of stage ``index``, marked as its tap."""
        return value if self.cell is None else tap(self._name(self.stage_shapes[index][0]), value)

    def _name(self, factor: int) -> str:
        return f'trunk_s{round(self.cell * factor * 10)}'


@MODELS.register_module()
class BEVTrunk(TappedTrunk):
    """Residual stages of halving size, each brought back to the first size and concatenated.

    Args:
        in_channels: Of the fused map.
        channels: Of each stage; the first keeps the size, every further one halves it.
        blocks: Residual blocks of each stage.
        up_channels: Of each stage's contribution to the result.
        cell: Of the fused map in metres, for the names of the stages' taps.
        norm_cfg: mmcv's normalisation config.
        designs: Of each stage the layers (:func:`plane_layers`) in the place of its residual blocks, or None.

    Raises:
        ValueError: a design that does not end in its stage's channels, or more or fewer of them than stages.
    """

    def __init__(self, *, in_channels: int, channels: Sequence[int], blocks: Sequence[int], up_channels: int,
                 cell: float | None = None, norm_cfg: dict, designs: Sequence[Sequence[dict] | None] | None = None
                 ) -> None:
        super().__init__(cell=cell, stages=[(2 ** index, width) for index, width in enumerate(channels)])
        self.out_channels, self.norm_cfg = up_channels * len(channels), dict(norm_cfg)
        self.widths = (in_channels, *channels)
        residual = [[dict(type='residual', channels=width)] * depth
                    for width, depth in zip(channels, blocks, strict=True)]
        self.layers = [list(own or usual) for own, usual in
                       zip([None] * len(channels) if designs is None else designs, residual, strict=True)]
        self.stages = nn.ModuleList(self.build_stage(index, layers) for index, layers in enumerate(self.layers))
        self.ups = nn.ModuleList(conv(width, up_channels, 1, norm_cfg=norm_cfg) for width in channels)

    def build_stage(self, index: int, layers: Sequence[dict]) -> nn.Sequential:
        """A stage of other layers, with fresh weights.

        Raises:
            ValueError: the layers do not end in the stage's channels.
        """
        ends = layers[-1].get('channels') if layers else None
        if ends != self.widths[index + 1]:
            raise ValueError(f'stage {index} of the trunk ends in {self.widths[index + 1]} channels, its design in '
                             f'{ends}')
        return plane_layers(in_channels=self.widths[index], layers=layers, stride=2 if index else 1,
                            norm_cfg=self.norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, ny, nx)`` -> ``(B, up_channels * stages, ny, nx)``."""
        maps = []
        for index, (stage, up) in enumerate(zip(self.stages, self.ups)):
            x = self._mark(index, stage(x))
            maps.append(up(x))
        size = maps[0].shape[-2:]
        return torch.cat([maps[0]] + [
            F.interpolate(m, size=size, mode='bilinear', align_corners=False) for m in maps[1:]], dim=1)
