"""A backbone of four scales that costs next to nothing."""

from __future__ import annotations

from torch import Tensor, nn

from perception_kd.models.stereo.mono import SmallMonoNet


class ToyBackbone(nn.Module):
    """Strided convolutions with batch norm, whose running statistics a frozen net must keep."""

    out_channels = (4, 6, 8, 10)

    def __init__(self) -> None:
        super().__init__()
        before, stages = 3, []
        for stride, width in zip((4, 2, 2, 2), self.out_channels):
            stages.append(nn.Sequential(nn.Conv2d(before, width, stride, stride), nn.BatchNorm2d(width), nn.ReLU()))
            before = width
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def small_net(**settings: int) -> SmallMonoNet:
    return SmallMonoNet(backbone=ToyBackbone(), width=6, tap_channels=5, **settings)
