"""Pillar feature net without a limit on points or pillars."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from perception_kd.models.layers.export_forms import exporting
from perception_kd.models.layers.pillars import pillar_scatter
from perception_kd.models.layers.row_norm import row_norm


class PointLayer(nn.Module):
    """Linear, normalisation, ReLU, maximum of the pillar; the maximum beside every point unless ``last``."""

    def __init__(self, *, in_channels: int, out_channels: int, last: bool, norm_cfg: dict) -> None:
        super().__init__()
        self.last = last
        units = out_channels if last else out_channels // 2
        self.norm = row_norm(norm_cfg, units)
        self.linear = nn.Linear(in_channels, units, bias=False)

    def forward(self, points: Tensor, pillar: Tensor, pillars: int) -> Tensor:
        """Points ``(M, in)`` of the pillars ``(M,)`` -> ``(M, out)``, or ``(pillars, out)`` from the last layer."""
        points = F.relu(self.norm(self.linear(points)))
        largest = pillar_scatter(points, pillar, pillars)
        return largest if self.last else torch.cat([points, largest[pillar]], dim=1)


class PillarFeatureNet(nn.Module):
    """PointPillars' feature net (Lang et al., CVPR 2019) on every point there is; weights named as in mmdet3d.

    mmdet3d pads each pillar to a fixed number of points and lets the padding into the batch statistics and the
    maximum. Where there is no padding the results are equal.

    Runs in float32 whatever autocast says: half precision would round a column of pixels to 8.

    Args:
        in_channels: Columns of a point.
        channels: Outputs of the layers; all but the last give half from the point and half from its pillar.
        norm_cfg: mmcv's normalisation config; of ``BN1d`` see ``row_norm``.
    """

    def __init__(self, *, in_channels: int, channels: Sequence[int], norm_cfg: dict) -> None:
        super().__init__()
        widths = [in_channels, *channels]
        self.out_channels = widths[-1]
        self.pfn_layers = nn.ModuleList(
            PointLayer(in_channels=below, out_channels=above, last=number == len(channels), norm_cfg=norm_cfg)
            for number, (below, above) in enumerate(pairwise(widths), 1))

    def forward(self, points: Tensor, cell: Tensor, cells: int) -> Tensor:
        """Points ``(M, in)`` in the cells ``(M,)`` (int64) -> ``(cells, out)``, 0 where a cell is empty.

        Inside of ``export_forms`` points in the cell ``cells``, one past the last, do not count.
        """
        with torch.autocast(points.device.type, enabled=False):
            if exporting():  # a pillar in every cell
                return self._pillars(points, cell, cells + 1)[:-1]
            occupied, pillar = torch.unique(cell, return_inverse=True)
            pillars = self._pillars(points, pillar, len(occupied))
            return pillars.new_zeros(cells, self.out_channels).index_copy(0, occupied, pillars)

    def _pillars(self, points: Tensor, pillar: Tensor, pillars: int) -> Tensor:
        for layer in self.pfn_layers:
            points = layer(points, pillar, pillars)
        return points
