"""Radar-assisted view transform: image features spread over depth by a depth net and by the radar's occupancy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from perception_kd.models.det3d.frames import CAMERAS, Frame, Lifted
from perception_kd.models.det3d.grid_view import GridView
from perception_kd.models.det3d.kept_pattern import KeptPattern
from perception_kd.models.det3d.radar_frustum import RadarFrustum
from perception_kd.models.layers import (
    CollapsedPattern,
    collapsed_pool,
    column_points,
    conv,
    frustum_heights,
)
from perception_kd.registry import MODELS


class SeenColumns(NamedTuple):
    """What cameras and radar of a frame see, collapsed over the height, wherever the frame lies in the BEV map.

    Attributes:
        depth_logits: ``(B*N, D, H, W)``.
        columns: ``(B*N, W, D, C)`` float32, features of each column at each depth: camera, radar context, radar
            occupancy, and two without gradient: the depth probability that fell there, times the pixel's largest one,
            and alone.
        height: H of the feature map.
    """

    depth_logits: Tensor
    columns: Tensor
    height: int


@MODELS.register_module()
class RadarAssistedTransform(GridView[CollapsedPattern]):
    """View transform of CRN (Kim et al., ICCV 2023, section 3.1) on frustums collapsed over their height.

    With C the image context, D the depth distribution, O the radar's occupancy and v = 1 where a frustum point's
    height in the frame's own LiDAR frame lies in the range::

        X_D(d, w) = sum_h v(d, h, w) D(d, h, w) C(h, w)
        X_R(d, w) = O(d, w) sum_h max_d v(d, h, w) C(h, w)
        camera    = ViewAgg([X_D; X_R])

    Camera and radar context are pooled into BEV cells by the mean over points (d, w), whose place is
    ``column_points``'. All of it is an fp32 island. In eval mode masks and the key frame's pattern are kept as long
    as the matrices stay the same.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m; z of the mask, x and y of the grid.
        cell: BEV cell in metres.
        depth_bound: ``(start, stop, step)`` of the depth bins in metres.
        stride: Pixels of the input image per feature pixel.
        depth_net: Config of the depth net; ``depth_bins`` is filled in.
        radar_channels: Of the radar context.
        radar_view_transform: False drops X_R and ViewAgg: camera = X_D.
        pool_grad: See ``collapsed_pool``.
        norm_cfg: mmcv's normalisation config of ViewAgg.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], cell: float, depth_bound: Sequence[float],
                 stride: int, depth_net: dict, radar_channels: int = 80, radar_view_transform: bool = True,
                 pool_grad: Literal['mean', 'sum'] = 'mean', norm_cfg: dict) -> None:
        super().__init__(point_cloud_range=point_cloud_range, cell=cell, depth_bound=depth_bound, stride=stride)
        self.pool_grad = pool_grad
        self.out_channels, self.radar_channels = depth_net['context_channels'], radar_channels
        self.depth_net = MODELS.build(dict(depth_net, depth_bins=self.bins.count))
        self.view_agg = _view_aggregation(self.out_channels, norm_cfg) if radar_view_transform else None
        self._kept_mask: KeptPattern[Tensor] = KeptPattern()

    def perceive(self, image: Tensor, frame: Frame, radar: RadarFrustum | None) -> SeenColumns:
        """Image feature ``(B*N, C, H, W)`` and the radar of the same frame -> columns; ``to_bev`` has no part in it."""
        if radar is None:
            raise ValueError('RadarAssistedTransform needs the radar in the camera frustum: '
                             'set radar_encoder to a RadarFrustumEncoder')
        logits, context = self.depth_net(image, frame)
        expected = (len(logits), self.radar_channels, self.bins.count, logits.shape[-1])
        if radar.context.shape != expected:
            raise ValueError(f'radar context is {tuple(radar.context.shape)}, expected {expected}: images, '
                             'radar_channels, depth bins, feature columns')
        with torch.autocast(logits.device.type, enabled=False):
            valid = self._in_height(frame, tuple(logits.shape[-2:]))
            columns = self._columns(logits.float(), context.float(), radar, valid)
        return SeenColumns(logits, columns, logits.shape[-2])

    def splat(self, seen: SeenColumns, frame: Frame) -> Lifted:
        """Bring what was seen to the BEV grid, by the matrices and ``to_bev`` of the frame."""
        pattern = self.pattern(frame, (seen.height, seen.columns.shape[1]))
        pooled = collapsed_pool(seen.columns.flatten(0, 2), pattern, pool_grad=self.pool_grad)
        maps = pooled.view(len(frame.to_bev), *self.grid.shape, -1).permute(0, 3, 1, 2)
        camera, radar, occupancy, peak, mass = maps.split([self.out_channels, self.radar_channels, 1, 1, 1], dim=1)
        confidence = (peak / mass.clamp(min=1e-6)).detach()
        return Lifted(camera.contiguous(), confidence, mass.detach(), radar.contiguous(), occupancy)

    def train(self, mode: bool = True) -> RadarAssistedTransform:
        """As any module's; training drops what was kept."""
        if mode:
            self._kept_mask.clear()
        return super().train(mode)

    def make_pattern(self, cameras: dict[str, Tensor], to_bev: Tensor, size: tuple[int, int]) -> CollapsedPattern:
        """Where every column falls at every depth."""
        points = column_points(**cameras, to_bev=to_bev, bins=self.bins, stride=self.stride, size=size)
        return CollapsedPattern.build(*self.grid.cell_index(points[..., :2]), self.grid.nx * self.grid.ny)

    def _in_height(self, frame: Frame, size: tuple[int, int]) -> Tensor:
        """The mask v ``(B*N, D, H, W)``, float32."""
        cameras = {name: frame.inputs[name] for name in CAMERAS}
        return self._kept_mask.get((size, frame.to_bev.device), [*cameras.values()],
                                   lambda: self._make_mask(cameras, size), keep=not self.training)

    def _make_mask(self, cameras: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        height = frustum_heights(**cameras, bins=self.bins, stride=self.stride, size=size).flatten(0, 1)
        return ((height >= self.z_range[0]) & (height < self.z_range[1])).float()

    def _columns(self, logits: Tensor, context: Tensor, radar: RadarFrustum, valid: Tensor) -> Tensor:
        depth = logits.softmax(dim=1)
        spread = (depth * valid).permute(0, 3, 1, 2)  # (B*N, W, D, H)
        columns = context.permute(0, 3, 2, 1)  # (B*N, W, H, C)
        camera = spread @ columns
        radar_context, occupancy = (m.permute(0, 3, 2, 1) for m in radar)  # (B*N, W, D, C)
        if self.view_agg is not None:
            reached = valid.amax(1).permute(0, 2, 1)[..., None]  # (B*N, W, H, 1)
            by_radar = occupancy * (reached * columns).sum(2, keepdim=True)
            both = torch.cat([camera, by_radar], dim=-1).permute(0, 3, 1, 2)  # convolved in the plane (W, D)
            camera = self.view_agg(both).permute(0, 2, 3, 1)
        with torch.no_grad():
            peak = depth.amax(1).permute(0, 2, 1)
            confidence = spread @ torch.stack([peak, torch.ones_like(peak)], dim=-1)
        return torch.cat([camera, radar_context, occupancy, confidence], dim=-1)


def _view_aggregation(channels: int, norm_cfg: dict) -> nn.Sequential:
    """CRN's ViewAgg: three convolutions on both views, and a fourth to the width of one."""
    both = 2 * channels
    inside = (conv(both, both, norm_cfg=norm_cfg) for _ in range(3))
    return nn.Sequential(*inside, nn.Conv2d(both, channels, 3, padding=1))
