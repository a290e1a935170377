"""From image features to the BEV grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from perception_kd.models.det3d.frames import Frame, Lifted
from perception_kd.models.det3d.grid_view import GridView
from perception_kd.models.layers import BEVPoolPattern, bev_pool, frustum_points
from perception_kd.registry import MODELS


class SeenDepth(NamedTuple):
    """What the cameras of a frame see, wherever the frame lies in the BEV map.

    Attributes:
        depth_logits: ``(B*N, D, H, W)``.
        context: ``(B*N, C, H, W)``.
    """

    depth_logits: Tensor
    context: Tensor


@MODELS.register_module()
class LiftSplatTransform(GridView[BEVPoolPattern]):
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
        super().__init__(point_cloud_range=point_cloud_range, cell=cell, depth_bound=depth_bound, stride=stride)
        self.reduction, self.pool_grad = reduction, pool_grad
        self.out_channels = depth_net['context_channels']
        self.depth_net = MODELS.build(dict(depth_net, depth_bins=self.bins.count))

    def perceive(self, image: Tensor, frame: Frame, radar: None = None) -> SeenDepth:
        """Image feature ``(B*N, C, H, W)`` -> depth and context; radar has no part in it."""
        return SeenDepth(*self.depth_net(image, frame))

    def splat(self, seen: SeenDepth, frame: Frame) -> Lifted:
        """Bring what was seen to the BEV grid, by the matrices and ``to_bev`` of the frame."""
        depth = seen.depth_logits.float().softmax(dim=1)
        pattern = self.pattern(frame, tuple(depth.shape[-2:]))
        batch = len(frame.to_bev)
        pooled = bev_pool(depth, seen.context, pattern, reduction=self.reduction, pool_grad=self.pool_grad)
        return Lifted(self._map(pooled, batch), *self._confidence(depth.detach(), pattern, batch))

    def _confidence(self, depth: Tensor, pattern: BEVPoolPattern, batch: int) -> tuple[Tensor, Tensor]:
        """``confidence`` and ``reached`` of ``Lifted``."""
        peak = depth.amax(1, keepdim=True)
        pooled = bev_pool(depth, torch.cat([peak, torch.ones_like(peak)], dim=1), pattern, reduction='sum')
        peak, mass = pooled[:, :1], pooled[:, 1:]
        return self._map(peak / mass.clamp(min=1e-6), batch), self._map(mass, batch)

    def make_pattern(self, cameras: dict[str, Tensor], to_bev: Tensor, size: tuple[int, int]) -> BEVPoolPattern:
        """Where every frustum point falls; those out of the height range fall nowhere."""
        points = frustum_points(**cameras, lidar_aug_matrix=to_bev, bins=self.bins, stride=self.stride, size=size)
        cell, inside = self.grid.cell_index(points[..., :2])
        inside &= (points[..., 2] >= self.z_range[0]) & (points[..., 2] < self.z_range[1])
        return BEVPoolPattern.build(cell, inside, self.grid.nx * self.grid.ny)

    def _map(self, rows: Tensor, batch: int) -> Tensor:
        return rows.view(batch, *self.grid.shape, -1).permute(0, 3, 1, 2).contiguous()
