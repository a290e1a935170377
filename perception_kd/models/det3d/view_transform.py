"""From image features to the BEV grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor

from perception_kd.models.layers import BEVPoolPattern, DepthBins, bev_pool, frustum_points
from perception_kd.registry import MODELS
from perception_kd.structures import BEVGrid


class Lifted(NamedTuple):
    """What the view transform gives.

    Attributes:
        bev: ``(B, C, ny, nx)``.
        confidence: ``(B, 1, ny, nx)`` in [0, 1], without gradient: the largest bin's probability, averaged
            over the pixels that reach the cell by their probability there; 0 where no camera looks.
        depth_logits: ``(B*N, D, H, W)``.
    """

    bev: Tensor
    confidence: Tensor
    depth_logits: Tensor


@MODELS.register_module()
class LiftSplatTransform(BaseModule):
    """Lift by a depth distribution, splat by a sparse-matrix product.

    In eval mode the pooling pattern is kept as long as the matrices stay the same. In training the BEV
    augmentation changes it in every step, so nothing is kept; copies and pickles leave it out.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m; points outside do not count.
        cell: BEV cell in metres.
        depth_bound: ``(start, stop, step)`` of the depth bins in metres.
        stride: Pixels of the input image per feature pixel.
        depth_net: Config of the depth net; ``depth_bins`` is filled in.
        reduction, pool_grad: See ``bev_pool``.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], cell: float, depth_bound: Sequence[float],
                 stride: int, depth_net: dict, reduction: Literal['mean', 'sum'] = 'mean',
                 pool_grad: Literal['mean', 'sum'] = 'mean') -> None:
        super().__init__()
        self.grid = BEVGrid.from_range(point_cloud_range, cell)
        self.z_range = (float(point_cloud_range[2]), float(point_cloud_range[5]))
        self.bins = DepthBins(*map(float, depth_bound))
        self.stride = stride
        self.reduction, self.pool_grad = reduction, pool_grad
        self.out_channels = depth_net['context_channels']
        self.depth_net = MODELS.build(dict(depth_net, depth_bins=self.bins.count))
        self._last: tuple[tuple, list[Tensor], BEVPoolPattern] | None = None

    def forward(self, feature: Tensor, inputs: dict) -> Lifted:
        """Args: ``feature`` ``(B*N, C, H, W)``; ``inputs`` with the four matrices of the contract."""
        logits, context = self.depth_net(feature)
        depth = logits.float().softmax(dim=1)
        pattern = self.pattern(inputs, tuple(feature.shape[-2:]))
        batch = inputs['cam2lidar'].shape[0]
        pooled = bev_pool(depth, context, pattern, reduction=self.reduction, pool_grad=self.pool_grad)
        return Lifted(self._map(pooled, batch), self._confidence(depth.detach(), pattern, batch), logits)

    def _confidence(self, depth: Tensor, pattern: BEVPoolPattern, batch: int) -> Tensor:
        peak = depth.amax(1, keepdim=True)
        pooled = bev_pool(depth, torch.cat([peak, torch.ones_like(peak)], dim=1), pattern, reduction='sum')
        return self._map(pooled[:, :1] / pooled[:, 1:].clamp(min=1e-6), batch)

    def pattern(self, inputs: dict, size: tuple[int, int]) -> BEVPoolPattern:
        """The pooling pattern of this batch; in eval mode the last one again if no matrix has changed."""
        names = ('cam2img', 'img_aug_matrix', 'cam2lidar', 'lidar_aug_matrix')
        matrices = [inputs[name] for name in names]
        key = (size, matrices[0].device)
        if self._last and self._last[0] == key and all(map(torch.equal, self._last[1], matrices)):
            return self._last[2]
        points = frustum_points(**dict(zip(names, matrices)), bins=self.bins, stride=self.stride, size=size)
        cell, inside = self.grid.cell_index(points[..., :2])
        inside &= (points[..., 2] >= self.z_range[0]) & (points[..., 2] < self.z_range[1])
        pattern = BEVPoolPattern.build(cell, inside, self.grid.nx * self.grid.ny)
        if not self.training:
            self._last = (key, [matrix.clone() for matrix in matrices], pattern)
        return pattern

    def train(self, mode: bool = True) -> LiftSplatTransform:
        """As any module's; training drops the pattern that was kept."""
        if mode:
            self._last = None
        return super().train(mode)

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_last': None}

    def _map(self, rows: Tensor, batch: int) -> Tensor:
        return rows.view(batch, *self.grid.shape, -1).permute(0, 3, 1, 2).contiguous()
