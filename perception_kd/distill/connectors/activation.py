"""From a feature map to one map of how active it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from perception_kd.distill.connectors.base import Connector
from perception_kd.registry import CONNECTORS
from perception_kd.structures import TapSpec

PRIOR = 0.1  # what a detector's heat map starts with; a ReLU that starts at 0 could not learn


@CONNECTORS.register_module()
class DilatedActivation(Connector):
    """Three dilated 3x3 convolutions, a 1x1 convolution and a ReLU: an activation map (CRKD, Zhao et al., CVPR 2024).

    The dilation lets sparse and misplaced radar returns answer for an object some cells away. Its values are our
    choice, as are the batch norms; increasing ones leave no holes in the field of 13 x 13 cells (Wang et al., WACV
    2018).

    Raises:
        ValueError: Maps without declared channels.

    Args:
        in_channels, out_channels: Channels of student and teacher tap.
        hidden: Width of the convolutions.
        dilations: Of each of them.
    """

    def __init__(
        self, *, in_channels: int, out_channels: int = 1, hidden: int = 32, dilations: Sequence[int] = (1, 2, 3)
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        layers, width = [], in_channels
        for dilation in dilations:
            layers += [nn.Conv2d(width, hidden, 3, padding=dilation, dilation=dilation, bias=False),
                       nn.BatchNorm2d(hidden), nn.ReLU()]
            width = hidden
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, out_channels, 1), nn.ReLU())
        nn.init.normal_(self.layers[-2].weight, std=0.01)
        nn.init.constant_(self.layers[-2].bias, PRIOR)

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """Both channel counts."""
        if source.kind not in ('bev', 'image') or source.channels is None or target.channels is None:
            raise ValueError(f'{cls.__name__} needs two maps with declared channels, got {source} and {target}')
        return dict(in_channels=source.channels, out_channels=target.channels)

    def result(self, source: TapSpec) -> TapSpec:
        """The same map with the teacher's channels."""
        return replace(source, channels=self.out_channels)

    def forward(self, value: Tensor) -> Tensor:
        """``(B, in, H, W)`` to ``(B, out, H, W)``, not negative."""
        return self.layers(value)
